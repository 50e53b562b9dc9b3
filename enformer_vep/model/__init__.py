"""The Enformer network, its configuration and its weights."""
