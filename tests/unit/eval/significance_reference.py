"""McNemar's test by scipy, and the bootstrap by numpy and scikit-learn with SplitMix64's draws: reads {"classes": k,
"truth": [...], "first": [...], "second": [...], "draws": n, "seed": s}, prints the statistics as JSON."""
import json
import sys
import warnings

import numpy as np
from scipy.stats import binomtest, chi2
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

warnings.simplefilter("ignore")  # a prediction of -1 is a class that the truth does not have
M = (1 << 64) - 1


class SplitMix64:
    def __init__(self, seed, stream):
        self.state = seed
        self.state = self.bits() ^ ((stream * 0xD1342543DE82EF95 + 1) & M)
        self.bits()

    def bits(self):
        self.state = z = (self.state + 0x9E3779B97F4A7C15) & M
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & M
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & M
        return z ^ z >> 31

    def below(self, count):
        return int((self.bits() >> 11) * 2.0 ** -53 * count)


case = json.load(open(sys.argv[1]))
truth, first, second = (np.array(case[k]) for k in ("truth", "first", "second"))
labels = list(range(case["classes"]))


def measures(t, p):
    return [accuracy_score(t, p), balanced_accuracy_score(t, p)] + [
        f1_score(t, p, labels=labels, average=a, zero_division=0) for a in ("macro", "weighted")]


b, c = int(((first == truth) & (second != truth)).sum()), int(((first != truth) & (second == truth)).sum())
out = {"only_first": b, "only_second": c, "exact": 1.0, "chi2": 0.0, "chi2_p": 1.0}
if b + c:
    x = (abs(b - c) - 1) ** 2 / (b + c)
    out.update(exact=binomtest(b, b + c).pvalue, chi2=x, chi2_p=float(chi2.sf(x, 1)))
drawn = []
for d in range(case["draws"]):
    r = SplitMix64(case["seed"], d)
    i = np.array([r.below(len(truth)) for _ in truth])
    drawn.append([measures(truth[i], first[i]), measures(truth[i], second[i])])
drawn = np.array(drawn)
out["intervals"] = [np.percentile(x, (2.5, 97.5), axis=0).T.tolist()
                    for x in (drawn[:, 0], drawn[:, 1], drawn[:, 1] - drawn[:, 0])]
out["values"] = [measures(truth, first), measures(truth, second)]
print(json.dumps(out))
