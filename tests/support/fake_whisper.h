/* A Whisper whose next tokens are a function that the test names: the program's own Whisper is left
 * out at link time. The decoder keeps tokens where the real one keeps keys and values, so that what
 * a hypothesis' history leads to is what the real one would attend to. Include once. */
#ifndef UT_TEST_FAKE_WHISPER_H
#define UT_TEST_FAKE_WHISPER_H

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "models/whisper/whisper.h"

enum {
    FAKE_WORDS = 12, /* text tokens 0 .. 11 */
    FAKE_END = FAKE_WORDS,
    FAKE_START,
    FAKE_LANGUAGE, /* <|en|>, <|de|>, <|fr|> */
    FAKE_LANGUAGES = 3,
    FAKE_TRANSLATE = FAKE_LANGUAGE + FAKE_LANGUAGES,
    FAKE_TRANSCRIBE,
    FAKE_LM,
    FAKE_PREVIOUS,
    FAKE_NO_SPEECH,
    FAKE_NO_TIMESTAMPS,
    FAKE_TIMESTAMP,
    FAKE_VOCABULARY = FAKE_TIMESTAMP + 80
};

struct ut_whisper {
    ut_whisper_dims dims;
    ut_whisper_tokens tokens;
    ut_bpe *bpe;
    /* Fills logits[FAKE_VOCABULARY] for what follows tokens[count], the prompt included. */
    void (*next)(void *context, const int *tokens, int count, float *logits);
    void *context;
    int suppressed[2], suppressed_first[2];
    int encoded;   /* windows heard so far */
    float loudest; /* of the last window's samples: windows can be told apart by it */
    int decoded;   /* rows */
    int token[UT_WHISPER_CONTEXT][UT_WHISPER_ROWS]; /* what lies in a slot; -1: nothing */
};

struct ut_whisper_state {
    ut_whisper *model;
    float attention[UT_WHISPER_CONTEXT * UT_WHISPER_FRAMES];
};

/* The one model there is. */
static ut_whisper fake;

static void fake_reset(void (*next)(void *, const int *, int, float *), void *context)
{
    fake.dims = (ut_whisper_dims){.vocabulary = FAKE_VOCABULARY};
    fake.tokens = (ut_whisper_tokens){.multilingual = true,
                                      .end = FAKE_END,
                                      .start = FAKE_START,
                                      .language = FAKE_LANGUAGE,
                                      .languages = FAKE_LANGUAGES,
                                      .translate = FAKE_TRANSLATE,
                                      .transcribe = FAKE_TRANSCRIBE,
                                      .previous = FAKE_PREVIOUS,
                                      .no_speech = FAKE_NO_SPEECH,
                                      .no_timestamps = FAKE_NO_TIMESTAMPS,
                                      .timestamp = FAKE_TIMESTAMP};
    fake.next = next;
    fake.context = context;
    fake.suppressed[0] = 3;
    fake.suppressed[1] = 5;
    fake.suppressed_first[0] = 7;
    fake.suppressed_first[1] = FAKE_END;
    fake.encoded = fake.decoded = 0;
    memset(fake.token, -1, sizeof fake.token);
}

ut_status ut_whisper_open(const char *dir, ut_whisper **model, ut_error *err)
{
    (void)dir;
    static const char words[] =
        "[\" a\", \" b\", \" c\", \" d\", \" e\", \" f\", \" g\", \" h\", \" i\", \" j\", \" k\", "
        "\"the quick brown fox jumps over a lazy dog while my wizard vexes calm boxing pi\", "
        "\"<|end|>\", \"<|start|>\", \"<|en|>\", \"<|de|>\", \"<|fr|>\"]";
    *model = &fake;
    return ut_bpe_parse(words, sizeof words - 1, "fake", &fake.bpe, err);
}

void ut_whisper_close(ut_whisper *model)
{
    ut_bpe_close(model->bpe);
}

const ut_whisper_dims *ut_whisper_get_dims(const ut_whisper *model)
{
    return &model->dims;
}

const ut_whisper_tokens *ut_whisper_get_tokens(const ut_whisper *model)
{
    return &model->tokens;
}

const ut_bpe *ut_whisper_bpe(const ut_whisper *model)
{
    return model->bpe;
}

const char *ut_whisper_path(const ut_whisper *model)
{
    (void)model;
    return "fake";
}

const int *ut_whisper_suppressed(const ut_whisper *model, bool first, size_t *count)
{
    *count = 2;
    return first ? model->suppressed_first : model->suppressed;
}

ut_status ut_whisper_state_create(const ut_whisper *model, int rows, ut_whisper_state **state,
                                  ut_error *err)
{
    (void)model;
    (void)rows;
    *state = calloc(1, sizeof **state);
    if (!*state)
        return ut_fail_memory(err, "fake");
    (*state)->model = &fake;
    return UT_OK;
}

void ut_whisper_state_destroy(ut_whisper_state *state)
{
    free(state);
}

void ut_whisper_encode(ut_whisper_state *state, const float *pcm, size_t n)
{
    state->model->encoded++;
    state->model->loudest = 0.0f;
    for (size_t i = 0; i < n; i++)
        if (pcm[i] > state->model->loudest)
            state->model->loudest = pcm[i];
}

void ut_whisper_decode(ut_whisper_state *state, const ut_whisper_row *rows, int count, int wanted,
                       float *logits)
{
    ut_whisper *m = state->model;
    for (int r = 0; r < count; r++) {
        const ut_whisper_row *row = &rows[r];
        if (row->token < 0 || row->token >= FAKE_VOCABULARY || row->position < 0 ||
            row->position >= UT_WHISPER_CONTEXT)
            abort();
        m->token[row->position][row->history[row->position]] = row->token;
    }
    for (int r = 0; r < count; r++) {
        int text[UT_WHISPER_CONTEXT];
        for (int p = 0; p <= rows[r].position; p++) {
            text[p] = m->token[p][rows[r].history[p]];
            if (text[p] < 0)
                abort(); /* attends to what was never decoded */
        }
        m->decoded++;
        if (r >= count - wanted)
            m->next(m->context, text, rows[r].position + 1,
                    logits + (size_t)(r - (count - wanted)) * FAKE_VOCABULARY);
    }
}

const float *ut_whisper_attention(ut_whisper_state *state, const int *tokens, int count, int frames)
{
    (void)tokens;
    (void)count;
    (void)frames;
    return state->attention;
}

#endif
