"""Scores, weights files and model cards of the acoustic experts."""
import numpy as np
import torch
from safetensors.torch import save_file

from voice_data import CLASSES, CORPORA, EVERYDAY, FINE

LICENCE = ("Weights: for non-commercial use, CC BY-NC-SA 4.0, after the data (RAVDESS and nEMO: CC BY-NC-SA 4.0; EmoDB: "
           "offered for free download)")


def recall(pred, y):
    return np.array([[(pred[y == i] == j).mean() if (y == i).any() else 0 for j in range(5)] for i in range(5)])


def uar(logp, label, corpus):
    """{mode: [UAR of each corpus]} in percent; the mean recall over classes."""
    out = {}
    for name, z in zip(("unknown", "known"), logp):
        pred = z.argmax(1).numpy()
        out[name] = [round(100 * float(recall(pred[corpus == c], label[corpus == c]).diagonal().mean()), 1)
                     for c in range(len(CORPORA))]
    return out


def calibration_error(logp, y, bins=10):
    p = logp.softmax(1).numpy()
    top, right = p.max(1), p.argmax(1) == y
    where = np.minimum((top * bins).astype(int), bins - 1)
    return float(sum(abs(top[where == b].mean() - right[where == b].mean()) * (where == b).mean()
                     for b in range(bins) if (where == b).any()))


def everyday_line(p, data):
    """How much of unacted speech is judged neutral, and how neutral it is on average."""
    rows = data.corpus == EVERYDAY
    if not rows.any():
        return []
    mean = p[rows].mean(0)
    return ["", f"Unacted speech (meetings, a telephone, an interview, readings; speakers never heard): "
            f"{100 * (p[rows].argmax(1) == 3).mean():.0f} % judged neutral; mean probabilities "
            + ", ".join(f"{c} {x:.2f}" for c, x in zip(CLASSES, mean)) + "."]


def card_scores(logp, heat, data):
    scores = uar(logp, data.label, data.corpus)
    lines = ["| UAR, %, speakers never heard, one model for the three | RAVDESS | EmoDB | nEMO |", "|---|---|---|---|"]
    for mode, title in (("unknown", "unknown speaker"), ("known", "speaker's mean voice known")):
        lines.append(f"| {title} | " + " | ".join(f"{x:.1f}" for x in scores[mode]) + " |")
    acted = data.corpus != EVERYDAY
    ece = [calibration_error(z[acted] / t, data.label[acted]) for z, t in zip(logp, heat)]
    lines += everyday_line((logp[0] / heat[0]).softmax(1).numpy(), data)
    lines += ["", f"Expected calibration error {ece[0]:.3f} (unknown), {ece[1]:.3f} (known).", "",
              "Confusion in percent of the true class, all acted corpora, unknown speaker:", "",
              "| true \\ judged | " + " | ".join(CLASSES) + " |", "|---|" + "---|" * 5]
    table = recall(logp[0][acted].argmax(1).numpy(), data.label[acted])
    lines += [f"| {CLASSES[i]} | " + " | ".join(f"{100 * x:.0f}" for x in table[i]) + " |" for i in range(5)]
    return "\n".join(lines)


def classifier_tensors(head):
    """The two small classifiers, [unknown, known], stacked: f32."""
    return {"hidden.weight": torch.stack([m.weight for m in head.hidden]),
            "hidden.bias": torch.stack([m.bias for m in head.hidden]),
            "out.weight": torch.stack([m.weight for m in head.out]),
            "out.bias": torch.stack([m.bias for m in head.out])}


def save(path, tensors, heat, metadata):
    tensors["temperature"] = torch.tensor(heat)
    save_file({k: v.detach().contiguous() for k, v in tensors.items()}, path,
              {"license": LICENCE, "fine_classes": " ".join(FINE), "classes": " ".join(CLASSES), **metadata})


def save_head(path, head, layers, heat, report):
    tensors = {"project.weight": head.project.weight.half(), "project.bias": head.project.bias,
               "layers": torch.tensor(layers, dtype=torch.float32), **classifier_tensors(head)}
    save(path, tensors, heat, {"recipe": "tools/train/voice_whisper.py", "scores": report})


def save_card(path, name, kind, size, report, arguments):
    if kind == "whisper":
        what = (f"A head on the encoder of Whisper {size}: mean and deviation of its middle layers over an utterance's "
                "own frames, projected to 128 values")
        heard = "put into 30 s windows with other clips of other speakers"
        if arguments.augmented:
            heard += ", clean, and again through telephones (mu-law, GSM), Opus, rooms and noise, 4 dB louder or softer, up to an eighth faster or slower"
    else:
        what = ("A small convolutional network over log-mel frames with attentive pooling, for when no Whisper is loaded")
        heard = ("heard clean, and as telephone bands, rooms, noise, other speeds and other vocal tracts would make its "
                 "log-mel frames")
        if arguments.whisper:
            what += (". In training it also learned to say what Whisper base's middle layers hold of a clip, as a whole and "
                     "at each moment, and what heads on them make of it (Whisper: MIT)")
    heard += (".\n- **Unacted speech**: 417 pieces of meetings across a room (AMI), a telephone call, an interview and readings "
              "(LibriSpeech,\n  LJ, others), 23 minutes, trained as neutral: nobody labelled them, and nearly all of such talk is")
    if kind == "whisper":
        heard += ". Without them Whisper\n  base's first head heard a real telephone call full of feelings"
    more = f" --augmented {arguments.augmented}" if kind == "whisper" and arguments.augmented else ""
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"""# {name}

{what}; five emotions (sad, happy, angry, neutral, non-neutral) of an utterance's voice.

- **Data**: RAVDESS (1199 English clips, 20 actors), EmoDB (408 German clips, 8 actors), nEMO (3493 Polish clips, 7
  actors). Acted speech: expect less of spontaneous talk. Every clip is set to the same speech level and {heard}.
- **Licence**: {LICENCE}.
- **Recipe**: `python tools/train/voice_{kind}.py --data DATA --whisper DIR --out models/emotion_voice/{more}`
  (seed {arguments.seed}, {arguments.epochs} epochs). Nine ways of speaking are told apart in training and added up to the five;
  classes weigh the same within a corpus. Probabilities are calibrated by one temperature on held-out speakers.
- **Interface**: `src/models/emotion_voice/`.

## Scores

Five-fold cross-validation over speakers; the weights here are trained on all of them.

{report}
""")
