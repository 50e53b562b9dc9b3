"""How likely a masked language model finds ALT where REF stands, from one pass in which neither is seen.

The score of an allele is the masked marginal of Meier et al. (2021, ESM-1v), with k-mers for residues: every word in
which REF and ALT differ is masked, all of them at once, and over these words

    LLR = sum_i log P(word i of ALT | all that is not masked) - log P(word i of REF | all that is not masked)

A substitution of one base changes the k words that cover it. No word that is left shows the base, and those beside
the masked ones show all the others: the question that DNABERT was trained on, whose masks hide spans of k words.
"""

from typing import Any

import torch
from torch import Tensor

from enformer_vep.effects.effect import Effect, EffectBatch
from enformer_vep.errors import UsageError
from enformer_vep.models.dnabert.vocabulary import Vocabulary, kmer_numbers


class MaskedEngine:
    """Compares the two alleles of substitutions (`enformer_vep.effects.effect.EffectEngine`).

    A window counts as far as it is known: it ends before the first word on either side that has a base other than A,
    C, G and T, be it a gap of the assembly or past the end of a contig.

    Args:
        network: A `BertForMaskedLM` of transformers, in eval mode, on the device that is to be used.
        vocabulary: Its words.
    """

    def __init__(self, network: Any, vocabulary: Vocabulary) -> None:
        self._network = network
        self._vocabulary = vocabulary

    def predict(self, batch: EffectBatch) -> Effect:
        """Predict the log-likelihood of REF, and what ALT changes, as a single bin of a single track.

        Args:
            batch: Windows [B, L] on the network's device; REF and ALT are of one length and differ, and all words in
                which they do are known.

        Returns:
            Natural logarithms, float64 [B, 1, 1]: the sum over the masked words of REF's, and the LLR.
        """
        with torch.inference_mode():
            reference = kmer_numbers(batch.reference, self._vocabulary.k)[batch.owner]
            alternate = kmer_numbers(batch.alternate, self._vocabulary.k)
            rows, places, logits = self._masked_logits(reference, alternate)
            words = self._vocabulary.words.to(reference.device)
            of_reference = logits.gather(1, words[reference[rows, places], None])[:, 0]
            of_alternate = logits.gather(1, words[alternate[rows, places], None])[:, 0]
            # A word's logarithm less another's at one place: what they are normalised by is the same.
            change = torch.zeros(reference.shape, dtype=torch.float64, device=reference.device)
            likelihood = torch.zeros_like(change)
            change[rows, places] = (of_alternate - of_reference).double()
            likelihood[rows, places] = (of_reference - logits.logsumexp(dim=1)).double()
            return Effect(likelihood.sum(dim=1)[:, None, None], change.sum(dim=1)[:, None, None])

    def predict_windows(self, codes: Tensor) -> Tensor:
        """Refuse what a comparison of alleles cannot give; raises UsageError."""
        raise UsageError("dnabert compares the two alleles of a variant and predicts nothing of a sequence: use score")

    def _masked_logits(self, reference: Tensor, alternate: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows and places of the masked words, int64 [N] each, and logits of what they may be, [N, tokens]."""
        changed = reference != alternate
        start, length = known_stretch(reference, alternate)
        tokens = self._tokens(reference, changed, start, length)
        seen = torch.arange(tokens.shape[1], device=tokens.device) < length[:, None] + 2
        hidden = self._network.bert(input_ids=tokens, attention_mask=seen.long()).last_hidden_state
        rows, places = changed.nonzero(as_tuple=True)
        return rows, places, self._network.cls(hidden[rows, places - start[rows] + 1])

    def _tokens(self, reference: Tensor, changed: Tensor, start: Tensor, length: Tensor) -> Tensor:
        """What the network reads: int64 [B, longest + 2], begun, ended and filled up."""
        vocabulary = self._vocabulary
        words = vocabulary.words.to(reference.device)[reference.clamp(min=0)]
        words = words.masked_fill(changed, vocabulary.mask)
        offsets = torch.arange(int(length.max()), device=reference.device)
        source = (start[:, None] + offsets).clamp(max=reference.shape[1] - 1)
        body = words.gather(1, source).masked_fill(offsets >= length[:, None], vocabulary.pad)
        tokens = torch.nn.functional.pad(body, (1, 1), value=vocabulary.pad)
        tokens[:, 0] = vocabulary.begin
        return tokens.scatter(1, length[:, None] + 1, vocabulary.end)


def known_stretch(reference: Tensor, alternate: Tensor) -> tuple[Tensor, Tensor]:
    """The longest stretch of known words around those in which alleles differ.

    Args:
        reference: int64 [B, T], from `kmer_numbers`.
        alternate: The same of ALT; differs somewhere in every row.

    Returns:
        int64 [B] each: the first word, and the number of words.
    """
    changed, unknown = (reference != alternate).int(), (reference < 0) | (alternate < 0)
    count = changed.shape[1]
    places = torch.arange(count, device=changed.device)
    first = changed.argmax(dim=1, keepdim=True)
    last = count - 1 - changed.flip(1).argmax(dim=1, keepdim=True)
    start = torch.where(unknown & (places < first), places + 1, 0).amax(dim=1)
    stop = torch.where(unknown & (places > last), places, count).amin(dim=1)
    return start, stop - start
