/* Step 1: who spoke when, and what was said.
 *
 * First pass, over the whole stream: speech detection and diarization. Second pass, from one window
 * of speech to the next: recognition; words to speakers; utterances; and, while the window's
 * encoder states are at hand, each utterance's voice embedding from its own frames. So memory holds
 * one window, however long the recording. In split recordings each channel is a lane of its own
 * with one speaker. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/reader.h"
#include "audio/stream.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "pipeline/engine.h"
#include "pipeline/steps.h"
#include "speech/utterances.h"

const char ut_note_voice_only[] =
    "no recogniser is installed or wanted: this is who spoke, when, and how they sounded, from the "
    "voice alone; `undertone models pull standard` brings one";

enum {
    BLOCK = UT_RATE,
    WINDOW_MOST = 30 * UT_RATE,
    ENCODER_FRAMES_A_SECOND = 50,
    LANGUAGE_WINDOWS = 5 /* asked for the language when the first is not sure of it */
};

/* faster-whisper's threshold. */
static const float SURE_LANGUAGE = 0.5f;

/* One signal with its speech and its turns: the mix, or a channel. */
typedef struct lane {
    int channel; /* UT_AUDIO_MIX or 0, 1, ... */
    int speaker; /* of a split channel, -1 where diarization tells */
    const ut_segment *windows;
    size_t window_count;
    ut_turn *turns;
    size_t turn_count;
} lane;

typedef struct transcribing {
    const ut_step *step;
    const ut_engine *engine;
    const ut_input *input;
    ut_conversation *c;
    ut_utterance *found; /* on the heap while it grows */
    size_t count, capacity;
    int speakers;
    double seconds;     /* of the recording, as decoded */
    char language[8];   /* "": not known yet */
    double done, share; /* progress before, and of, the lane at work */
} transcribing;

static void report(const transcribing *t, double part)
{
    ut_step_report(t->step, "transcribe", t->done + t->share * part);
}

/* --- first pass ------------------------------------------------------------------------------- */

static ut_status copy_windows(transcribing *t, lane *l, const ut_segmenter *segmenter,
                              ut_error *err)
{
    const ut_segment *windows = ut_segmenter_windows(segmenter, &l->window_count);
    ut_segment *copy = UT_ARENA_NEW(t->c->arena, ut_segment, l->window_count + 1);
    if (!copy)
        return ut_fail_memory(err, "transcribe");
    if (l->window_count)
        memcpy(copy, windows, l->window_count * sizeof *copy);
    l->windows = copy;
    if (l->speaker < 0)
        return UT_OK;
    /* A split channel: every stretch of speech is a turn of its one speaker. */
    size_t n;
    const ut_segment *segments = ut_segmenter_segments(segmenter, &n);
    l->turns = UT_ARENA_NEW(t->c->arena, ut_turn, n + 1);
    if (!l->turns)
        return ut_fail_memory(err, "transcribe");
    for (size_t i = 0; i < n; i++)
        l->turns[i] = (ut_turn){segments[i].start, segments[i].end, l->speaker, 1};
    l->turn_count = n;
    return UT_OK;
}

/* `seconds` of the recording are known of. */
static ut_status over_length(const transcribing *t, double seconds, ut_error *err)
{
    double most = ut_step_options(t->step)->max_duration;
    if (!(most > 0 && seconds > most))
        return UT_OK;
    return ut_fail(err, UT_ERR_LIMIT, "transcribe",
                   "%s lasts more than the %.0f seconds that are allowed here; cut it first",
                   t->input->file, most);
}

/* Before any work, where the file tells; else listening finds out. */
static ut_status check_length(const transcribing *t, ut_error *err)
{
    ut_audio *audio;
    if (!(ut_step_options(t->step)->max_duration > 0))
        return UT_OK;
    UT_TRY(ut_audio_open(t->input->path, UT_AUDIO_MIX, &audio, err));
    double duration = ut_audio_get_info(audio)->duration;
    ut_audio_close(audio);
    return over_length(t, duration, err);
}

static ut_status listen(transcribing *t, lane *l, ut_audio *audio, ut_segmenter *segmenter,
                        ut_diarizer *diarizer, ut_error *err)
{
    float *pcm = malloc(BLOCK * sizeof *pcm);
    if (!pcm)
        return ut_fail_memory(err, "transcribe");
    double duration = ut_audio_get_info(audio)->duration;
    ut_status status = UT_OK;
    size_t got = 1;
    size_t total = 0;
    while (status == UT_OK && got) {
        status = ut_step_check(t->step, err);
        if (status == UT_OK)
            status = ut_audio_read(audio, pcm, BLOCK, &got, err);
        if (status == UT_OK && got)
            status = ut_segmenter_push(segmenter, pcm, got, err);
        if (status == UT_OK && got && diarizer)
            status = ut_diarizer_push(diarizer, pcm, got, err);
        total += status == UT_OK ? got : 0;
        if (status == UT_OK)
            status = over_length(t, (double)total / UT_RATE, err);
        if (duration > 0)
            report(t, 0.3 * fmin(1, (double)total / UT_RATE / duration));
    }
    free(pcm);
    t->seconds = fmax(t->seconds, (double)total / UT_RATE);
    if (status == UT_OK)
        status = ut_segmenter_finish(segmenter, err);
    if (status == UT_OK && diarizer)
        status =
            ut_diarizer_finish(diarizer, t->c->arena, &l->turns, &l->turn_count, &t->speakers, err);
    if (status == UT_OK && *ut_audio_warning(audio) &&
        ut_conversation_add_note(t->c, "%s", ut_audio_warning(audio)) != UT_OK)
        status = ut_fail_memory(err, "transcribe");
    return status == UT_OK ? copy_windows(t, l, segmenter, err) : status;
}

static ut_status first_pass(transcribing *t, lane *l, ut_error *err)
{
    const ut_options *o = ut_step_options(t->step);
    ut_audio *audio = NULL;
    ut_segmenter *segmenter = NULL;
    ut_diarizer *diarizer = NULL;
    ut_vad_options vad = ut_vad_defaults();
    ut_diarize_options diarize = ut_diarize_defaults();
    diarize.num_speakers = o->num_speakers;
    diarize.min_speakers = o->min_speakers;
    diarize.max_speakers = o->max_speakers;
    ut_status status = ut_audio_open(t->input->path, l->channel, &audio, err);
    if (status == UT_OK)
        status = ut_segmenter_create(&t->engine->vad, &vad, &segmenter, err);
    if (status == UT_OK && l->speaker < 0)
        status = ut_diarizer_create(&t->engine->diarization, &diarize, &diarizer, err);
    if (status == UT_OK)
        status = listen(t, l, audio, segmenter, diarizer, err);
    ut_diarizer_destroy(diarizer);
    ut_segmenter_destroy(segmenter);
    ut_audio_close(audio);
    return status;
}

/* --- second pass ------------------------------------------------------------------------------ */

static ut_status add_utterances(transcribing *t, const ut_utterance *utterances, size_t n,
                                ut_error *err)
{
    if (!ut_grow(&t->found, &t->capacity, t->count + n, sizeof *t->found))
        return ut_fail_memory(err, "transcribe");
    for (size_t i = 0; i < n; i++) {
        ut_utterance u = utterances[i];
        u.start = fmin(fmax(u.start, 0), t->seconds);
        u.end = fmin(fmax(u.end, u.start), t->seconds);
        if (u.end > u.start)
            t->found[t->count++] = u;
    }
    return UT_OK;
}

/* Voice embeddings of the window's utterances, from the recogniser's encoder. */
static ut_status pool_voices(transcribing *t, ut_recognizer_session *session, double offset,
                             ut_utterance *utterances, size_t n, float *scratch, ut_error *err)
{
    if (!t->engine->head)
        return UT_OK;
    const ut_voice_head *head = t->engine->head->head;
    size_t dim = ut_voice_head_dim(head);
    for (size_t i = 0; i < n; i++) {
        ut_utterance *u = &utterances[i];
        int from = (int)floor((u->start - offset) * ENCODER_FRAMES_A_SECOND);
        int to = (int)ceil((u->end - offset) * ENCODER_FRAMES_A_SECOND);
        u->voice =
            (ut_embedding){t->engine->head->mark, UT_ARENA_NEW(t->c->arena, float, dim), dim};
        if (!u->voice.values)
            return ut_fail_memory(err, "transcribe");
        ut_voice_head_pool(head, ut_whisper_layers(ut_recognizer_state(session)), from, to,
                           u->voice.values, scratch);
    }
    return UT_OK;
}

/* The turns that touch the window; they lie together, since turns are sorted by start. */
static void turns_within(const lane *l, double start, double end, const ut_turn **turns, size_t *n)
{
    size_t first = 0;
    while (first < l->turn_count && l->turns[first].end < start - 5)
        first++;
    size_t last = first;
    while (last < l->turn_count && l->turns[last].start < end + 5)
        last++;
    *turns = l->turns + first;
    *n = last - first;
}

static bool is_cancelled(void *cancelled)
{
    return cancelled && atomic_load((atomic_bool *)cancelled);
}

/* The samples of a window. */
static ut_status read_window(ut_stream *stream, const ut_segment *window, const float **pcm,
                             size_t *n, ut_error *err)
{
    size_t from = (size_t)llround(window->start * UT_RATE);
    size_t to = (size_t)llround(window->end * UT_RATE);
    if (to > from + WINDOW_MOST)
        to = from + WINDOW_MOST;
    return ut_stream_window(stream, from, to, pcm, n, err);
}

/* The language that windows from all over the lane agree on. */
static ut_status elect_language(transcribing *t, const lane *l, ut_recognizer_session *session,
                                ut_error *err)
{
    size_t voters = l->window_count < LANGUAGE_WINDOWS ? l->window_count : LANGUAGE_WINDOWS;
    ut_language_votes votes = {.weight = 0};
    ut_stream stream;
    UT_TRY(ut_stream_open(&stream, t->input->path, l->channel, err));
    ut_status status = UT_OK;
    for (size_t i = 0; i < voters && status == UT_OK; i++) {
        size_t at = voters > 1 ? i * (l->window_count - 1) / (voters - 1) : 0;
        const float *pcm;
        size_t n;
        status = ut_step_check(t->step, err);
        if (status == UT_OK)
            status = read_window(&stream, &l->windows[at], &pcm, &n, err);
        if (status == UT_OK && n)
            status = ut_recognize_language(session, pcm, n, &votes, err);
    }
    ut_stream_close(&stream);
    float share;
    if (status == UT_OK)
        ut_language_elect(t->engine->recognizer, &votes, t->language, &share);
    return status;
}

/* Within 20 dB of speech. */
static bool is_loud(const float *level, size_t n, double start, double end)
{
    size_t from = (size_t)fmax(start * UT_RATE, 0);
    size_t to = (size_t)fmax(end * UT_RATE, 0);
    double squares = 0;
    for (size_t i = from; i < to && i < n; i++)
        squares += (double)level[i] * level[i];
    return to > from && squares / (double)(to - from) > 2.5e-5;
}

/* Speech of at least a second in which the recogniser wrote no word (it skips a sentence that comes
 * again, laughter, an unknown language) is an utterance all the same: how it sounded still counts.
 * A turn may bridge a pause, so a piece must also be loud enough to be speech; `level` is the
 * window's sound with its speech at -26 dBFS. */
static ut_status add_wordless(transcribing *t, const ut_recognition *r, const ut_turn *turns,
                              size_t turn_count, const ut_segment *window, const float *level,
                              size_t n, ut_utterance **found, size_t *count, ut_error *err)
{
    const double shortest = 1.0;
    const double margin = 0.15; /* words end a little early, turns a little late */
    ut_turn *pieces = calloc(turn_count * (r->word_count + 1) + 1, sizeof *pieces);
    if (!pieces)
        return ut_fail_memory(err, "transcribe");
    size_t piece_count = 0;
    for (size_t i = 0; i < turn_count; i++) {
        double at = fmax(turns[i].start, window->start);
        double end = fmin(turns[i].end, window->end);
        for (size_t w = 0; w <= r->word_count; w++) {
            const ut_word *word = w < r->word_count ? &r->words[w] : NULL;
            double until = word ? fmin(end, word->start - margin) : end;
            if (until - at >= shortest &&
                is_loud(level, n, at - window->start, until - window->start)) {
                pieces[piece_count] = turns[i];
                pieces[piece_count].start = at;
                pieces[piece_count++].end = until;
            }
            at = word ? fmax(at, word->end + margin) : end;
        }
    }
    ut_utterance_options cut = ut_utterance_defaults();
    ut_utterance *more;
    size_t more_count;
    ut_status status =
        ut_utterances_from_turns(t->c->arena, pieces, piece_count, &cut, &more, &more_count, err);
    free(pieces);
    if (status != UT_OK || !more_count)
        return status;
    ut_utterance *all = UT_ARENA_NEW(t->c->arena, ut_utterance, *count + more_count + 1);
    if (!all)
        return ut_fail_memory(err, "transcribe");
    if (*count)
        memcpy(all, *found, *count * sizeof *all);
    memcpy(all + *count, more, more_count * sizeof *all);
    *found = all;
    *count += more_count;
    return UT_OK;
}

static ut_status recognise_window(transcribing *t, const lane *l, ut_recognizer_session *session,
                                  const ut_segment *window, const float *pcm, float *level,
                                  size_t n, float *scratch, ut_error *err)
{
    ut_recognize_options options = ut_recognize_defaults();
    options.language = t->language[0] ? t->language : NULL;
    options.sure_language = SURE_LANGUAGE;
    options.initial_prompt = ut_step_options(t->step)->initial_prompt;
    options.beam = ut_step_options(t->step)->beam_size;
    options.cancelled = is_cancelled;
    options.context = t->step->cancelled;
    /* The voice head was trained on windows of one level, and the recogniser does not mind. */
    float gain = ut_voice_gain(pcm, n);
    for (size_t i = 0; i < n; i++)
        level[i] = pcm[i] * gain;
    ut_recognition r;
    UT_TRY(ut_recognize(session, level, n, &options, t->c->arena, &r, err));
    /* The first window that is sure of its language decides for the recording; one that is not asks
     * others. */
    if (r.language_probability < SURE_LANGUAGE) {
        UT_TRY(elect_language(t, l, session, err));
        options.language = t->language;
        UT_TRY(ut_recognize(session, level, n, &options, t->c->arena, &r, err));
    } else if (!t->language[0] && r.word_count) {
        memcpy(t->language, r.language, sizeof r.language);
    }
    for (size_t i = 0; i < r.word_count; i++) {
        r.words[i].start = fmin(r.words[i].start + window->start, t->seconds);
        r.words[i].end = fmin(r.words[i].end + window->start, t->seconds);
    }
    const ut_turn *turns;
    size_t turn_count;
    turns_within(l, window->start, window->end, &turns, &turn_count);
    ut_words_to_speakers(r.words, r.word_count, turns, turn_count);
    ut_utterance_options cut = ut_utterance_defaults();
    ut_utterance *utterances;
    size_t count;
    UT_TRY(ut_utterances_from_words(t->c->arena, r.words, r.word_count, turns, turn_count, &cut,
                                    ut_language_is_spaced(r.language), &utterances, &count, err));
    UT_TRY(add_wordless(t, &r, turns, turn_count, window, level, n, &utterances, &count, err));
    for (size_t i = 0; i < count && l->speaker >= 0; i++)
        utterances[i].speaker = l->speaker;
    UT_TRY(pool_voices(t, session, window->start, utterances, count, scratch, err));
    return add_utterances(t, utterances, count, err);
}

static ut_status second_pass(transcribing *t, const lane *l, ut_error *err)
{
    ut_stream stream;
    ut_recognizer_session *session = NULL;
    float *level = malloc(WINDOW_MOST * sizeof *level);
    size_t floats = t->engine->head ? ut_voice_head_scratch(t->engine->head->head) : 1;
    float *scratch = malloc(floats * sizeof *scratch);
    ut_status status = level && scratch ? ut_stream_open(&stream, t->input->path, l->channel, err)
                                        : ut_fail_memory(err, "transcribe");
    bool opened = status == UT_OK;
    if (status == UT_OK)
        status = ut_recognizer_session_create(t->engine->recognizer, &session, err);
    for (size_t i = 0; i < l->window_count && status == UT_OK; i++) {
        const ut_segment *w = &l->windows[i];
        const float *pcm;
        size_t n;
        status = ut_step_check(t->step, err);
        if (status == UT_OK)
            status = read_window(&stream, w, &pcm, &n, err);
        if (status == UT_OK && n)
            status = recognise_window(t, l, session, w, pcm, level, n, scratch, err);
        report(t, 0.3 + 0.7 * (double)(i + 1) / (double)l->window_count);
    }
    ut_recognizer_session_destroy(session);
    if (opened)
        ut_stream_close(&stream);
    free(level);
    free(scratch);
    return status;
}

/* --- the whole -------------------------------------------------------------------------------- */

static ut_status transcribe_lane(transcribing *t, lane *l, ut_error *err)
{
    UT_TRY(first_pass(t, l, err));
    if (t->engine->recognizer)
        return second_pass(t, l, err);
    ut_utterance_options cut = ut_utterance_defaults();
    ut_utterance *utterances;
    size_t count;
    UT_TRY(ut_utterances_from_turns(t->c->arena, l->turns, l->turn_count, &cut, &utterances, &count,
                                    err));
    return add_utterances(t, utterances, count, err);
}

static int by_time(const void *a, const void *b)
{
    const ut_utterance *x = a;
    const ut_utterance *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return x->speaker - y->speaker;
}

static ut_status name_speaker(ut_conversation *c, int *index, ut_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "SPEAKER_%02d", (int)c->speaker_count);
    const char *copy = ut_arena_strdup(c->arena, name);
    if (!copy)
        return ut_fail_memory(err, "transcribe");
    *index = (int)c->speaker_count;
    c->speakers[c->speaker_count++] = copy;
    return UT_OK;
}

/* Numbers speakers in the order in which they first speak (in split recordings by channel), and
 * moves the utterances into the document. */
static ut_status settle(transcribing *t, bool split, ut_error *err)
{
    ut_conversation *c = t->c;
    if (t->count)
        qsort(t->found, t->count, sizeof *t->found, by_time);
    int most = t->speakers > 0 ? t->speakers : 1;
    int *order = UT_ARENA_NEW(c->arena, int, (size_t)most);
    c->speakers = UT_ARENA_NEW(c->arena, const char *, (size_t)most);
    c->utterances = UT_ARENA_NEW(c->arena, ut_utterance, t->count + 1);
    if (!order || !c->speakers || !c->utterances)
        return ut_fail_memory(err, "transcribe");
    for (int i = 0; i < most; i++)
        order[i] = -1;
    for (int i = 0; split && i < most; i++)
        UT_TRY(name_speaker(c, &order[i], err));
    for (size_t i = 0; i < t->count; i++) {
        ut_utterance *u = &t->found[i];
        if (u->speaker < 0 || u->speaker >= most)
            u->speaker = 0;
        if (order[u->speaker] < 0)
            UT_TRY(name_speaker(c, &order[u->speaker], err));
        u->speaker = order[u->speaker];
        for (size_t w = 0; w < u->word_count; w++)
            u->words[w].speaker = u->speaker;
    }
    if (t->count)
        memcpy(c->utterances, t->found, t->count * sizeof *t->found);
    c->utterance_count = t->count;
    c->language = t->language[0] ? ut_arena_strdup(c->arena, t->language) : NULL;
    return UT_OK;
}

/* *split falls where there is only one channel. */
static ut_status describe(transcribing *t, bool *split, ut_error *err)
{
    ut_conversation *c = t->c;
    const ut_options *o = ut_step_options(t->step);
    ut_audio *audio;
    char hash[UT_SHA256_HEX];
    char beam[16];
    UT_TRY(ut_audio_open(t->input->path, UT_AUDIO_MIX, &audio, err));
    c->source.rate = ut_audio_get_info(audio)->rate;
    c->source.channels = ut_audio_get_info(audio)->channels;
    ut_audio_close(audio);
    bool alone = *split && c->source.channels == 1;
    *split = *split && !alone;
    UT_TRY(ut_sha256_file(t->input->path, hash, err));
    c->id = ut_arena_strdup(c->arena, t->input->id);
    c->source.file = ut_arena_strdup(c->arena, t->input->file);
    c->source.sha256 = ut_arena_strdup(c->arena, hash);
    snprintf(beam, sizeof beam, "%d", o->beam_size);
    static const char *const jobs[] = {"speech", "segmentation", "speaker", "recognition"};
    ut_status status = ut_conversation_add_setting(c, "channels", *split ? "split" : "mix");
    if (status == UT_OK && alone)
        status = ut_conversation_add_note(
            c, "it has one channel, so there is nothing to split; speakers "
               "are told by their voices");
    if (status == UT_OK && t->engine->recognizer)
        status = ut_conversation_add_setting(c, "beam_size", beam);
    if (status == UT_OK && t->engine->recognizer && o->initial_prompt)
        status = ut_conversation_add_setting(c, "initial_prompt", o->initial_prompt);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs && status == UT_OK; i++)
        status = ut_engine_record(t->engine, c, jobs[i]);
    if (status == UT_OK && !t->engine->recognizer)
        status = ut_conversation_add_note(c, "%s", ut_note_voice_only);
    return status == UT_OK ? UT_OK : ut_fail_memory(err, "transcribe");
}

static ut_status all_lanes(transcribing *t, bool split, ut_error *err)
{
    if (!split) {
        lane mix = {.channel = UT_AUDIO_MIX, .speaker = -1};
        t->share = 1;
        return transcribe_lane(t, &mix, err);
    }
    t->speakers = t->c->source.channels;
    for (int channel = 0; channel < t->speakers; channel++) {
        lane one = {.channel = channel, .speaker = channel};
        t->done = (double)channel / t->speakers;
        t->share = 1.0 / t->speakers;
        UT_TRY(transcribe_lane(t, &one, err));
    }
    return UT_OK;
}

ut_status ut_step_transcribe(const ut_step *step, const ut_input *input,
                             ut_conversation **conversation, ut_error *err)
{
    transcribing t = {.step = step, .engine = step->engine, .input = input};
    const ut_options *o = ut_step_options(step);
    if (o->language)
        snprintf(t.language, sizeof t.language, "%s", o->language);
    bool split = o->channels == UT_CHANNELS_SPLIT;
    UT_TRY(ut_conversation_create(&t.c, err));
    ut_step_report(step, "transcribe", 0);
    ut_status status = check_length(&t, err);
    bool apart = false; /* one party each, by the sound of it */
    if (status == UT_OK && (split || o->channels == UT_CHANNELS_AUTO))
        status = ut_audio_is_split(input->path, o->max_duration, &apart, err);
    bool wanted = split;
    split = split || apart;
    if (status == UT_OK)
        status = describe(&t, &split, err);
    if (status == UT_OK && wanted && split && !apart &&
        ut_conversation_add_note(t.c, "its channels do not hold one party each, as far as can be "
                                      "heard; where words come twice, use --channels mix") != UT_OK)
        status = ut_fail_memory(err, "transcribe");
    if (status == UT_OK)
        status = all_lanes(&t, split, err);
    t.c->source.duration = t.seconds;
    if (status == UT_OK)
        status = settle(&t, split, err);
    if (status == UT_OK && t.count == 0 &&
        ut_conversation_add_note(t.c, "no speech was found in it; listen whether it is silent or "
                                      "very quiet, or holds something else") != UT_OK)
        status = ut_fail_memory(err, "transcribe");
    free(t.found);
    if (status == UT_OK)
        *conversation = t.c;
    else
        ut_conversation_destroy(t.c);
    return status;
}
