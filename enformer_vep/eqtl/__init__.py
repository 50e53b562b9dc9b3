"""The eQTL test: can effect scores tell fine-mapped causal variants from others, and say which way they act?

After Avsec et al. 2021 (Enformer), Methods; the settings of the random forest and of the cross-validation are those
of the public script `bin/basenji_bench_classify.py` (calico/basenji).
"""
