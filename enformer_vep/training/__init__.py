"""Training, fine-tuning and evaluation: data readers, the loss, the loop."""
