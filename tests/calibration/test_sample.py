import numpy as np

from enformer_vep.calibration.sample import RowSample


def sampled(rows, size, cut=100):
    sample = RowSample(1, size)
    for begin in range(0, rows, cut):
        sample.add(np.arange(begin, min(begin + cut, rows), dtype=np.float32)[:, None])
    return sample


def test_all_rows_while_they_fit():
    assert sampled(50, 50).rows()[:, 0].tolist() == list(range(50))


def test_a_bounded_share_of_all_parts_of_the_stream():
    kept = sampled(20_000, 500).rows()[:, 0]
    assert len(set(kept)) == 500
    # 50 of each tenth are expected, with a standard deviation of 6.7.
    assert np.abs(np.histogram(kept, 10, (0, 20_000))[0] - 50).max() < 27


def test_batches_do_not_show():
    assert (sampled(3000, 100, cut=7).rows() == sampled(3000, 100, cut=3000).rows()).all()
