"""What scikit-learn makes of labels: reads {"classes": k, "truth": [...], "predicted": [...]}, prints metrics as JSON."""
import json
import sys

import numpy as np
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, precision_recall_fscore_support

case = json.load(open(sys.argv[1]))
labels = list(range(case["classes"]))
truth, predicted = np.array(case["truth"]), np.array(case["predicted"])
out = {"accuracy": accuracy_score(truth, predicted)}
for average in (None, "macro", "weighted"):
    p, r, f, _ = precision_recall_fscore_support(truth, predicted, labels=labels, average=average, zero_division=0)
    out[average or "classes"] = [np.asarray(v).tolist() for v in (p, r, f)]
import warnings

warnings.simplefilter("ignore")  # a prediction of -1 is a class that the truth does not have
out["uar"] = balanced_accuracy_score(truth, predicted)
out["confusion"] = confusion_matrix(truth, predicted, labels=labels).tolist()
confidence, right = np.array(case["confidence"]), np.array(case["right"])
bins = np.clip(np.ceil(confidence * 15) - 1, 0, 14).astype(int)
out["ece"] = sum(
    abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean() for b in set(bins.tolist())
)
print(json.dumps(out))
