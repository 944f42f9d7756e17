#include "pipeline/train_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/limits.h"
#include "report/curves.h"
#include "train/weighting.h"

static const char card_ending[] = ".md";
/* Of features that are kept: those of more than 100,000 utterances as Whisper base hears them. */
#define CACHE_MOST (4096 * UT_MIB)

/* models/emotion.pt -> models/emotion<ending> (free()) */
static char *beside(const char *path, const char *ending)
{
    size_t stem = strlen(path) - strlen(ut_path_ending(path));
    char *name = malloc(stem + strlen(ending) + 1);
    if (name)
        snprintf(name, stem + strlen(ending) + 1, "%.*s%s", (int)stem, path, ending);
    return name;
}

ut_status ut_train_cache_folder(char **folder, ut_error *err)
{
    const char *base = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    char path[4096];
    if (base && *base)
        snprintf(path, sizeof path, "%s/undertone/features", base);
    else
        snprintf(path, sizeof path, "%s/.cache/undertone/features", home ? home : "");
    ut_status status = ut_file_make_dirs(path, err);
    if (status != UT_OK) {
        const ut_error why = *err;
        return ut_fail(err, status, "train", "%s; --no_cache keeps no features", why.message);
    }
    ut_file_sweep(path, "");
    ut_file_trim(path, ".safetensors", CACHE_MOST);
    *folder = strdup(path);
    return *folder ? UT_OK : ut_fail_memory(err, "train");
}

ut_status ut_train_check_output(const char *path, ut_error *err)
{
    if (ut_file_is_dir(path))
        return ut_fail(err, UT_ERR_USAGE, "train",
                       "%s is a folder; model_output_path is the file to write", path);
    if (strcmp(ut_path_ending(path), card_ending) == 0)
        return ut_fail(err, UT_ERR_USAGE, "train",
                       "%s is where the model's card goes; give the model another ending, as .pt",
                       path);
    char *folder = strndup(path, (size_t)(ut_path_base(path) - path));
    char *stem = beside(ut_path_base(path), ".");
    ut_status status = UT_OK;
    if (!folder || !stem)
        status = ut_fail_memory(err, "train");
    else if (*folder)
        status = ut_file_make_dirs(folder, err);
    if (status == UT_OK) /* what a training that was killed left of its files */
        ut_file_sweep(*folder ? folder : ".", stem);
    free(folder);
    free(stem);
    char *temporary = NULL;
    if (status == UT_OK)
        status = ut_file_begin(path, &temporary, err);
    ut_file_discard(temporary);
    return status;
}

/* --- what is said of it ----------------------------------------------------------------------- */

static void percent(ut_buf *out, double value)
{
    ut_buf_add_fixed(out, value * 100, 1);
}

static void score_line(ut_buf *out, const char *who, const ut_classification *c, double ece)
{
    ut_buf_addf(out, "%s: mean recall ", who);
    percent(out, c->uar);
    ut_buf_adds(out, " %, accuracy ");
    percent(out, c->accuracy);
    ut_buf_adds(out, " %, weighted F1 ");
    percent(out, c->weighted.f1);
    ut_buf_adds(out, " %, calibration error ");
    ut_buf_add_fixed(out, ece, 3);
    ut_buf_adds(out, "\n");
}

static void score_lines(ut_buf *out, const ut_train_outcome *o)
{
    if (o->voice) {
        score_line(out, "voice, unknown speaker", &o->voice->scores[0], o->voice->ece[0]);
        score_line(out, "voice, known speaker", &o->voice->scores[1], o->voice->ece[1]);
    }
    if (o->text)
        score_line(out, "text", &o->text->scores, o->text->ece);
}

static size_t speakers_of(const ut_dataset *d)
{
    size_t *samples = calloc(d->count + 1, sizeof *samples);
    size_t *numbers = calloc(d->count + 1, sizeof *numbers);
    size_t count = 0;
    size_t named = 0;
    for (size_t i = 0; samples && i < d->count; i++)
        if (d->samples[i].speaker)
            samples[named++] = i;
    if (!samples || !numbers ||
        ut_number_speakers(d, samples, named, numbers, &count, NULL) != UT_OK)
        count = 0;
    free(samples);
    free(numbers);
    return count;
}

static void data_line(ut_buf *out, const ut_dataset *d)
{
    size_t counts[UT_EMOTIONS];
    ut_dataset_count(d, counts);
    ut_buf_addf(out, "%zu utterances", d->count);
    size_t speakers = speakers_of(d);
    if (speakers)
        ut_buf_addf(out, " of %zu speakers", speakers);
    for (int k = 0; k < UT_EMOTIONS; k++)
        ut_buf_addf(out, "%s%zu %s", k ? ", " : ": ", counts[k],
                    ut_emotion_name((ut_emotion_label)k));
}

static void licence_line(ut_buf *out, const ut_train_outcome *o)
{
    const char *named = o->train->licences;
    ut_buf_addf(out, "that of the data: %s",
                *named ? named : "the manifests name none; ask who gave you the recordings");
}

static void confusion(ut_buf *out, const char *title, const ut_classification *c)
{
    ut_buf_addf(out, "\n%s, utterances:\n\n| true \\ judged |", title);
    for (int k = 0; k < UT_EMOTIONS; k++)
        ut_buf_addf(out, " %s |", ut_emotion_name((ut_emotion_label)k));
    ut_buf_adds(out, "\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < UT_EMOTIONS; i++) {
        ut_buf_addf(out, "| %s |", ut_emotion_name((ut_emotion_label)i));
        for (int j = 0; j < UT_EMOTIONS; j++)
            ut_buf_addf(out, " %zu |", c->confusion[i][j]);
        ut_buf_adds(out, "\n");
    }
}

static void head_line(ut_buf *out, const char *what, const ut_encoder_id *encoder,
                      const ut_history *h)
{
    ut_buf_addf(out, "- **%s**, on the frozen encoder %s (sha-256 %.12s): epoch %d of %d.\n", what,
                encoder->name, encoder->sha256, h->best + 1, h->count);
}

/* As a shell reads it as one word. */
static void shell_word(ut_buf *out, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+./:,=@%";
    if (*value && !value[strspn(value, plain)]) {
        ut_buf_adds(out, value);
        return;
    }
    ut_buf_adds(out, "'");
    for (; *value; value++)
        if (*value == '\'')
            ut_buf_adds(out, "'\\''");
        else
            ut_buf_add(out, value, 1);
    ut_buf_adds(out, "'");
}

/* As code in Markdown, between more backticks than it holds in a row. */
static void code(ut_buf *out, const ut_buf *text)
{
    const char *line = ut_buf_text(text);
    size_t most = 0;
    for (const char *at = line; *at; at++) {
        size_t row = strspn(at, "`");
        most = row > most ? row : most;
    }
    for (size_t i = 0; i <= most; i++)
        ut_buf_adds(out, "`");
    ut_buf_addf(out, most ? " %s " : "%s", line);
    for (size_t i = 0; i <= most; i++)
        ut_buf_adds(out, "`");
}

/* The command that makes the same model: every setting that the weights depend on. */
static void recipe(ut_buf *out, const ut_settings *s)
{
    static const char *const names[] = {
        "train_data_path", "val_data_path", "model_output_path", "label_map",  "init",
        "epochs",          "seed",          "asr_model",         "text_model", "modalities",
        "models_dir"};
    ut_buf line;
    ut_buf_init(&line, 0);
    ut_buf_adds(&line, "undertone train");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const ut_setting_row *row = ut_settings_find(names[i], strlen(names[i]));
        char room[32];
        if (!s->origins[row - ut_setting_rows] && strcmp(names[i], "seed") != 0)
            continue; /* as it is without being told */
        ut_buf_addf(&line, " --%s ", names[i]);
        shell_word(&line, ut_settings_value(s, row, room));
    }
    code(out, &line);
    ut_buf_free(&line);
}

static void use(ut_buf *out, const char *model)
{
    ut_buf line;
    ut_buf_init(&line, 0);
    ut_buf_adds(&line, "undertone run --model ");
    shell_word(&line, model);
    code(out, &line);
    ut_buf_free(&line);
}

static void make_card(ut_buf *out, const ut_train_outcome *o, const char *figure)
{
    const ut_settings *s = o->settings;
    ut_buf_addf(out, "# %s\n\nEmotion heads that `undertone train` wrote; ",
                ut_path_base(s->model_output_path));
    use(out, s->model_output_path);
    ut_buf_adds(out, " judges with them.\n\n");
    if (o->voice)
        head_line(out, "Voice", &o->info->voice, &o->voice->history);
    if (o->text)
        head_line(out, "Words", &o->info->text, &o->text->history);
    ut_buf_addf(out, "- **Trained on** %s: ", s->train_data_path);
    data_line(out, o->train);
    ut_buf_addf(out, ".\n- **Chosen and calibrated on** %s: ", s->val_data_path);
    data_line(out, o->validation);
    ut_buf_adds(out, ".\n- **Licence**: ");
    licence_line(out, o);
    ut_buf_adds(out, ".\n- **Recipe**: ");
    recipe(out, s);
    ut_buf_adds(out, ".\n\n## Scores\n\nOn the set that it was chosen by; on others expect a "
                     "little less.\n\n");
    ut_buf scores;
    ut_buf_init(&scores, 0);
    score_lines(&scores, o);
    for (const char *line = ut_buf_text(&scores); *line; line += strcspn(line, "\n") + 1)
        ut_buf_addf(out, "- %.*s\n", (int)strcspn(line, "\n"), line);
    ut_buf_free(&scores);
    if (o->voice)
        confusion(out, "Voice, unknown speaker", &o->voice->scores[0]);
    if (o->text)
        confusion(out, "Words", &o->text->scores);
    ut_buf_addf(out, "\n![Learning curves](%s)\n", figure);
}

/* --- files ------------------------------------------------------------------------------------ */

static ut_status write_beside(const ut_train_outcome *o, const char *ending, const ut_buf *data,
                              ut_error *err)
{
    char *path = beside(o->settings->model_output_path, ending);
    if (!path || ut_buf_status(data) != UT_OK) {
        free(path);
        return ut_fail_memory(err, "train");
    }
    ut_status status = ut_file_write(path, ut_buf_text(data), data->length, err);
    free(path);
    return status;
}

static ut_curves curves_of(const char *title, const ut_history *h)
{
    return (ut_curves){.title = title,
                       .loss = &h->epochs[0].loss,
                       .validation = &h->epochs[0].validation,
                       .recall = &h->epochs[0].uar,
                       .count = (size_t)h->count,
                       .stride = sizeof(ut_epoch) / sizeof(float),
                       .best = (size_t)h->best};
}

static ut_status write_curves(const ut_train_outcome *o, ut_figure_format format,
                              const char *ending, ut_error *err)
{
    ut_curves trainings[2];
    size_t count = 0;
    ut_buf picture;
    if (o->voice)
        trainings[count++] = curves_of("Voice", &o->voice->history);
    if (o->text)
        trainings[count++] = curves_of("Words", &o->text->history);
    ut_buf_init(&picture, 0);
    ut_status status = ut_curves_draw(trainings, count, format, &picture, err);
    if (status == UT_OK)
        status = write_beside(o, ending, &picture, err);
    ut_buf_free(&picture);
    return status;
}

static ut_status write_card(const ut_train_outcome *o, ut_error *err)
{
    static const char ending[] = ".learning_curves.svg";
    char *figure = beside(ut_path_base(o->settings->model_output_path), ending);
    ut_buf card;
    ut_buf_init(&card, 0);
    make_card(&card, o, figure ? figure : "");
    ut_status status = write_beside(o, card_ending, &card, err);
    ut_buf_free(&card);
    free(figure);
    return status;
}

static ut_status write_model(const ut_train_outcome *o, ut_error *err)
{
    ut_buf scores, data, license;
    ut_buf_init(&scores, 0);
    ut_buf_init(&data, 0);
    ut_buf_init(&license, 0);
    score_lines(&scores, o);
    data_line(&data, o->train);
    licence_line(&license, o);
    ut_status status = UT_OK;
    if (ut_buf_status(&scores) != UT_OK || ut_buf_status(&data) != UT_OK ||
        ut_buf_status(&license) != UT_OK)
        status = ut_fail_memory(err, "train");
    ut_model_info info = *o->info;
    info.scores = ut_buf_text(&scores);
    info.data = ut_buf_text(&data);
    info.license = ut_buf_text(&license);
    info.seed = (uint64_t)o->settings->seed;
    if (status == UT_OK)
        status = ut_model_write(o->settings->model_output_path, o->voice, o->text, &info, err);
    ut_buf_free(&scores);
    ut_buf_free(&data);
    ut_buf_free(&license);
    return status;
}

/* The model last: where it is, everything is. */
ut_status ut_train_write(const ut_train_outcome *o, ut_buf *summary, ut_error *err)
{
    UT_TRY(write_curves(o, UT_FIGURE_SVG, ".learning_curves.svg", err));
    UT_TRY(write_curves(o, UT_FIGURE_PNG, ".learning_curves.png", err));
    UT_TRY(write_card(o, err));
    UT_TRY(write_model(o, err));
    score_lines(summary, o);
    return ut_buf_status(summary) == UT_OK ? UT_OK : ut_fail_memory(err, "train");
}
