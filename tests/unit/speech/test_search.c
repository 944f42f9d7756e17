/* The rules of decoding one by one, over a scripted decoder: suppressed tokens, timestamps, the
 * temperature fallback, sampling. Beam search as a whole: tests/golden/speech/test_search.c. */
#include "ut_test.h"

#include <math.h>

#include "fake_whisper.h"
#include "speech/recognize_internal.h"

enum { T = FAKE_TIMESTAMP, LONG_WORD = 11, PROMPT = 4 };

/* What the decoder says in each try, counted from 0; the last entry goes for all that follow. */
typedef struct line {
    int word, times;
    float weight; /* of the word against all others of weight 1 */
} line;

typedef struct script {
    line lines[3];
    int count;
    int tried;
    float no_speech;
} script;

static void read_script(void *context, const int *tokens, int count, float *logits)
{
    script *s = context;
    (void)tokens;
    for (int i = 0; i < FAKE_VOCABULARY; i++)
        logits[i] = 0.0f;
    if (count == 1) { /* behind the start token: is there speech? */
        float p = s->no_speech;
        logits[FAKE_NO_SPEECH] = logf(p / (1.0f - p) * (FAKE_VOCABULARY - 1));
        return;
    }
    s->tried += count == PROMPT;
    const line *l = &s->lines[s->tried <= s->count ? s->tried - 1 : s->count - 1];
    bool over = count - PROMPT >= l->times;
    logits[over ? FAKE_END : l->word] = over ? 20.0f : logf(l->weight);
}

typedef struct bench {
    ut_recognizer *recognizer;
    ut_recognizer_session *session;
    ut_arena *arena;
} bench;

static bench setup(void (*next)(void *, const int *, int, float *), void *context)
{
    bench b;
    fake_reset(next, context);
    assert_int_equal(ut_recognizer_open("", &b.recognizer, NULL), UT_OK);
    assert_int_equal(ut_recognizer_session_create(b.recognizer, &b.session, NULL), UT_OK);
    b.arena = ut_arena_create(0);
    assert_non_null(b.arena);
    return b;
}

static void teardown(bench *b)
{
    ut_arena_destroy(b->arena);
    ut_recognizer_session_destroy(b->session);
    ut_recognizer_close(b->recognizer);
}

/* Text and timestamps "so far", ended by -1, and what may come next. */
static void rules(const bench *b, bool timestamps, const int *so_far, float *logits)
{
    hypothesis text = {.count = 0};
    ut_recognize_options options = ut_recognize_defaults();
    options.timestamps = timestamps;
    while (so_far[text.count] >= 0) {
        text.tokens[text.count] = so_far[text.count];
        text.count++;
    }
    ut_search_rules(b->session, &options, &text, logits);
}

#define RULES(b, timestamps, logits, ...) rules(b, timestamps, (const int[]){__VA_ARGS__}, logits)

static bool allowed(const float *logits, int token)
{
    return logits[token] > -INFINITY;
}

/* Tokens from .. to - 1 are all allowed, or all forbidden. */
static void expect(const float *logits, int from, int to, bool want)
{
    for (int i = from; i < to; i++)
        if (allowed(logits, i) != want)
            fail_msg("token %d is %s", i, want ? "forbidden" : "allowed");
}

static void test_suppression(void **unused)
{
    (void)unused;
    script s = {0};
    bench b = setup(read_script, &s);
    float logits[FAKE_VOCABULARY] = {0};
    RULES(&b, false, logits, 0, -1);
    double sum = 0.0;
    for (int i = 0; i < FAKE_VOCABULARY; i++) {
        bool want = i <= FAKE_END && i != 3 && i != 5;
        expect(logits, i, i + 1, want);
        sum += want ? exp(logits[i]) : 0.0;
    }
    assert_near(sum, 1.0, 1e-5); /* what is left is a distribution */
    float first[FAKE_VOCABULARY] = {0};
    RULES(&b, false, first, -1);
    assert_false(allowed(first, 7) || allowed(first, FAKE_END) || allowed(first, 3));
    assert_true(allowed(first, 0));
    teardown(&b);
}

/* Timestamps never so likely that they push out text. */
static void unlikely_timestamps(float *logits)
{
    for (int i = 0; i < FAKE_VOCABULARY; i++)
        logits[i] = i >= T ? -20.0f : 0.0f;
}

static void test_timestamps(void **unused)
{
    (void)unused;
    script s = {0};
    bench b = setup(read_script, &s);
    float logits[FAKE_VOCABULARY];
    unlikely_timestamps(logits); /* a window begins with a timestamp, within its first second */
    RULES(&b, true, logits, -1);
    expect(logits, 0, T, false);
    expect(logits, T, T + 51, true);
    expect(logits, T + 51, FAKE_VOCABULARY, false);
    unlikely_timestamps(logits); /* then comes text */
    RULES(&b, true, logits, T + 4, -1);
    expect(logits, T, FAKE_VOCABULARY, false);
    assert_true(allowed(logits, 0) && allowed(logits, FAKE_END));
    unlikely_timestamps(logits); /* then a later timestamp may come */
    RULES(&b, true, logits, T + 4, 0, -1);
    expect(logits, T, T + 5, false);
    expect(logits, T + 5, FAKE_VOCABULARY, true);
    assert_true(allowed(logits, 0) && allowed(logits, FAKE_END));
    unlikely_timestamps(logits); /* they come in pairs, the second no earlier; or it is the end */
    RULES(&b, true, logits, T + 4, 0, T + 9, -1);
    expect(logits, 0, FAKE_END, false);
    expect(logits, T, T + 9, false);
    expect(logits, T + 9, FAKE_VOCABULARY, true);
    assert_true(allowed(logits, FAKE_END));
    unlikely_timestamps(logits); /* and then text again */
    RULES(&b, true, logits, T + 4, 0, T + 9, T + 9, -1);
    expect(logits, T, FAKE_VOCABULARY, false);
    assert_true(allowed(logits, 0));
    for (int i = 0; i < FAKE_VOCABULARY; i++) /* 75 of 0.02 outweigh one of 1, if only together */
        logits[i] = i >= T ? logf(0.02f) : i == 0 ? 0.0f : -30.0f;
    RULES(&b, true, logits, T + 4, 0, -1);
    expect(logits, 0, T, false);
    expect(logits, T + 5, FAKE_VOCABULARY, true);
    for (int i = 0; i < FAKE_VOCABULARY; i++) /* 75 of 0.01 do not */
        logits[i] = i >= T ? logf(0.01f) : i == 0 ? 0.0f : -30.0f;
    RULES(&b, true, logits, T + 4, 0, -1);
    assert_true(allowed(logits, 0));
    unlikely_timestamps(logits); /* without timestamps there are none at all */
    RULES(&b, false, logits, 0, -1);
    expect(logits, T, FAKE_VOCABULARY, false);
    teardown(&b);
}

static ut_recognition recognize(const bench *b, const ut_recognize_options *options)
{
    static const float pcm[16000];
    ut_recognition r;
    ut_error err;
    if (ut_recognize(b->session, pcm, 16000, options, b->arena, &r, &err) != UT_OK)
        fail_msg("%s", err.message);
    return r;
}

static void test_fallback(void **unused)
{
    (void)unused;
    /* Weight w makes a log-probability of -log(1 + 10 / w) (11 tokens are open): 30 is -0.29, 12 is
     * -0.61, 1 is -2.4. */
    const line good = {0, 4, 1e6f}, loop = {LONG_WORD, 8, 1e6f}, unsure = {1, 4, 1.0f};
    const struct {
        script script;
        int temperatures;
        float no_speech, temperature;
        int tries, words; /* words -1: any */
    } cases[] = {
        {{{good}, 1, 0, 0.0f}, 6, 0.01f, 0.0f, 1, 4},
        {{{loop, good}, 2, 0, 0.0f}, 6, 0.01f, 0.2f, 2, 4},         /* a loop */
        {{{unsure, loop, good}, 3, 0, 0.0f}, 6, 0.01f, 0.4f, 3, 4}, /* too uncertain */
        {{{unsure}, 1, 0, 0.0f}, 6, 0.01f, 1.0f, 6, -1},            /* the last one is kept */
        {{{loop}, 1, 0, 0.0f}, 6, 0.01f, 1.0f, 6, -1},              /* the same */
        {{{unsure, good}, 2, 0, 0.0f}, 1, 0.01f, 0.0f, 1, 4},       /* turned off */
        {{{unsure, good}, 2, 0, 0.0f}, 6, 0.7f, 0.0f, 1, 0},        /* silence: no second try */
        {{{good}, 1, 0, 0.0f}, 6, 0.7f, 0.0f, 1, 4},                /* sure text is no silence */
        {{{{0, 6, 12.0f}}, 1, 0, 0.0f}, 6, 0.7f, 0.0f, 1, 6},       /* nor this */
        {{{{0, 6, 12.0f}}, 1, 0, 0.0f}, 6, 0.9f, 0.0f, 1, 0}, /* sure silence, doubtful text */
        {{{{0, 6, 40.0f}}, 1, 0, 0.0f}, 6, 0.9f, 0.0f, 1, 6}, /* sure silence, sure text */
        {{{loop, good}, 2, 0, 0.0f}, 6, 0.7f, 0.2f, 2, 4},    /* a loop is no silence */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        script s = cases[i].script;
        s.no_speech = cases[i].no_speech;
        bench b = setup(read_script, &s);
        ut_recognize_options options = ut_recognize_defaults();
        options.temperatures = cases[i].temperatures;
        options.language = "en";
        ut_recognition r = recognize(&b, &options);
        print_message("case %zu: %d tries, %.2f, ratio %.2f, log-probability %.2f: %.20s\n", i,
                      s.tried, r.temperature, r.compression_ratio, r.mean_log_probability, r.text);
        assert_near(r.no_speech, cases[i].no_speech, 1e-4);
        assert_near(r.temperature, cases[i].temperature, 1e-6);
        assert_int_equal(s.tried, cases[i].tries);
        if (cases[i].words >= 0)
            assert_int_equal(r.word_count, cases[i].words);
        assert_int_equal(*r.text == 0, cases[i].words == 0);
        if (i == 5) /* nine and then eleven equal tokens, the end counted (openai-whisper) */
            assert_near(r.mean_log_probability, -(log(9.0) + 3.0 * log(11.0)) / 5.0, 1e-4);
        teardown(&b);
    }
}

/* Two words, one four times as likely as the other, 199 of them. */
static void two_words(void *context, const int *tokens, int count, float *logits)
{
    (void)context;
    (void)tokens;
    for (int i = 0; i < FAKE_VOCABULARY; i++)
        logits[i] = -40.0f;
    logits[0] = logf(4.0f);
    logits[1] = 0.0f;
    logits[FAKE_END] = count - PROMPT >= 199 ? 40.0f : -40.0f;
}

/* How often the rarer word was drawn. */
static int draw(const bench *b, int beam, float temperature, hypothesis *drawn)
{
    const int prompt[PROMPT] = {FAKE_START, FAKE_LANGUAGE, FAKE_TRANSCRIBE, FAKE_NO_TIMESTAMPS};
    memcpy(b->session->prompt, prompt, sizeof prompt);
    b->session->prompt_count = PROMPT;
    ut_recognize_options options = ut_recognize_defaults();
    options.beam = beam;
    assert_int_equal(ut_search(b->session, &options, temperature, NULL), UT_OK);
    *drawn = b->session->best;
    assert_int_equal(drawn->count, 199);
    int rare = 0;
    double sum = 0.0;
    for (int i = 0; i < drawn->count; i++) {
        assert_true(drawn->tokens[i] == 0 || drawn->tokens[i] == 1);
        rare += drawn->tokens[i];
        assert_near(drawn->log_probabilities[i], drawn->tokens[i] ? log(0.2) : log(0.8), 1e-4);
        sum += drawn->log_probabilities[i];
    }
    assert_near(drawn->sum, sum, 1e-3);
    return rare;
}

static void test_sampling(void **unused)
{
    (void)unused;
    bench b = setup(two_words, NULL);
    hypothesis one, again, best;
    assert_int_equal(draw(&b, 1, 0.0f, &one), 0);
    int rare = draw(&b, 1, 1.0f, &one); /* binomial: 40, deviation 5.6 */
    print_message("the rarer word %d times of 199 at temperature 1, %d at 0.4\n", rare,
                  draw(&b, 1, 0.4f, &again));
    assert_true(rare > 17 && rare < 63);
    int cool = draw(&b, 1, 0.4f, &again); /* 4^2.5 to 1: 6, deviation 2.4 */
    assert_true(cool < 16);
    assert_int_equal(draw(&b, 1, 1.0f, &again), rare); /* the same draws each time */
    assert_memory_equal(one.tokens, again.tokens, (size_t)one.count * sizeof *one.tokens);
    draw(&b, 5, 1.0f, &best); /* the likeliest of five */
    assert_true(best.sum >= one.sum);
    teardown(&b);
}

/* Every path has three words of the likelihoods below, so that the best one can be found by trying
 * all eight; beams of 8 must find it though its first word is the less likely. */
static float path_weight(const int *words, int count)
{
    static const float weights[] = {0.6f, 0.4f, 0.5f, 0.5f,  0.9f,  0.1f, 0.4f,
                                    0.6f, 0.5f, 0.5f, 0.05f, 0.95f, 0.3f, 0.7f};
    int node = 0;
    for (int i = 0; i < count; i++)
        node = 2 * node + 1 + words[i];
    return node == 0 ? 1.0f : weights[node - 1];
}

static void three_words(void *context, const int *tokens, int count, float *logits)
{
    (void)context;
    int words[4] = {0}, n = count - PROMPT;
    for (int i = 0; i < FAKE_VOCABULARY; i++)
        logits[i] = -60.0f;
    bool over = n >= 3;
    for (int i = 0; i < n && i < 3; i++) {
        words[i] = tokens[PROMPT + i];
        over |= words[i] > 1; /* one of the all but impossible words */
    }
    if (over) {
        logits[FAKE_END] = 0.0f;
        return;
    }
    for (; words[n] < 2; words[n]++)
        logits[words[n]] = logf(path_weight(words, n + 1));
}

static void test_all_paths(void **unused)
{
    (void)unused;
    bench b = setup(three_words, NULL);
    double best = -INFINITY;
    int best_path = 0;
    for (int path = 0; path < 8; path++) {
        const int words[3] = {path >> 2, path >> 1 & 1, path & 1};
        double sum = 0.0;
        for (int n = 1; n <= 3; n++)
            sum += (double)logf(path_weight(words, n));
        if (sum > best) {
            best = sum;
            best_path = path;
        }
    }
    assert_int_equal(best_path >> 2, 1); /* greedy search would miss it */
    const int prompt[PROMPT] = {FAKE_START, FAKE_LANGUAGE, FAKE_TRANSCRIBE, FAKE_NO_TIMESTAMPS};
    memcpy(b.session->prompt, prompt, sizeof prompt);
    b.session->prompt_count = PROMPT;
    ut_recognize_options options = ut_recognize_defaults();
    options.beam = 8;
    assert_int_equal(ut_search(b.session, &options, 0.0f, NULL), UT_OK);
    assert_int_equal(b.session->best.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(b.session->best.tokens[i], best_path >> (2 - i) & 1);
    assert_near(b.session->best.sum, best, 1e-4);
    options.beam = 1;
    assert_int_equal(ut_search(b.session, &options, 0.0f, NULL), UT_OK);
    assert_int_equal(b.session->best.tokens[0], 0);
    assert_true(b.session->best.sum < best - 0.1);
    teardown(&b);
}

/* Notes the tokens that decoding begins with, and ends. */
typedef struct heard_prompt {
    int tokens[UT_WHISPER_CONTEXT], count;
} heard_prompt;

static void note_prompt(void *context, const int *tokens, int count, float *logits)
{
    heard_prompt *heard = context;
    for (int i = 0; i < FAKE_VOCABULARY; i++)
        logits[i] = i == FAKE_END || i == 0 ? 5.0f : 0.0f;
    if (count > 1 && heard->count == 0) {
        heard->count = count;
        memcpy(heard->tokens, tokens, (size_t)count * sizeof *tokens);
    }
}

static void test_initial_prompt(void **unused)
{
    (void)unused;
    static char long_text[600], too_long[UT_BPE_MAX_BYTES + 1];
    const int sequence[] = {FAKE_START, FAKE_LANGUAGE, FAKE_TRANSCRIBE, FAKE_NO_TIMESTAMPS};
    for (size_t i = 0; i + 2 < sizeof long_text; i += 2)
        memcpy(long_text + i, i == 160 ? "c " : "b ", 3); /* 299 words; of them the last 219 stay */
    const struct {
        const char *text;
        int words, first;
    } cases[] = {{NULL, 0, 0}, {"  ", 0, 0}, {" b c\n", 2, 1}, {long_text, 219, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        heard_prompt heard = {.count = 0};
        bench b = setup(note_prompt, &heard);
        ut_recognize_options options = ut_recognize_defaults();
        options.initial_prompt = cases[i].text;
        options.language = "en";
        recognize(&b, &options);
        int before = cases[i].words ? cases[i].words + 1 : 0;
        assert_int_equal(heard.count, before + 4);
        assert_memory_equal(heard.tokens + before, sequence, sizeof sequence);
        if (before) {
            assert_int_equal(heard.tokens[0], FAKE_PREVIOUS);
            assert_int_equal(heard.tokens[1], cases[i].first);
        }
        memset(too_long, 'b', sizeof too_long - 1);
        options.initial_prompt = too_long;
        ut_recognition r;
        static const float pcm[1600];
        assert_int_equal(ut_recognize(b.session, pcm, 1600, &options, b.arena, &r, NULL),
                         UT_ERR_LIMIT);
        teardown(&b);
    }
}

/* Windows told apart by their loudness: what each says of silence and of the three languages. */
static void hear_language(void *context, const int *tokens, int count, float *logits)
{
    (void)context;
    (void)tokens;
    static const float windows[][4] = {
        {0.1f, 0.4f, 0.35f, 0.25f}, {0.2f, 0.08f, 0.9f, 0.02f}, {0.99f, 0.02f, 0.02f, 0.96f}};
    const float *w = windows[(int)lrintf(fake.loudest * 10.0f)];
    for (int i = 0; i < FAKE_VOCABULARY; i++)
        logits[i] = i == FAKE_END ? 5.0f : 0.0f;
    if (count > 1)
        return;
    for (int i = 0; i < FAKE_VOCABULARY; i++)
        logits[i] = -40.0f;
    logits[FAKE_NO_SPEECH] = logf(w[0]);
    for (int i = 0; i < 3; i++)
        logits[FAKE_LANGUAGE + i] = logf((1.0f - w[0]) * w[1 + i]);
}

static void test_languages(void **unused)
{
    (void)unused;
    bench b = setup(hear_language, NULL);
    ut_language_votes votes = {.weight = 0};
    char language[8];
    float share, pcm[3] = {0.0f, 0.1f, 0.2f};
    ut_language_elect(b.recognizer, &votes, language, &share);
    assert_true(share == 0.0f);
    static const struct {
        const char *language;
        double share;
    } after[] = {{"en", 0.4},
                 {"de", (0.9 * 0.35 + 0.8 * 0.9) / 1.7},
                 {"de", (0.9 * 0.35 + 0.8 * 0.9 + 0.01 * 0.02) / 1.71}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ut_recognize_language(b.session, &pcm[i], 1, &votes, NULL), UT_OK);
        ut_language_elect(b.recognizer, &votes, language, &share);
        assert_string_equal(language, after[i].language);
        assert_near(share, after[i].share, 1e-4);
    }
    ut_recognition r; /* one window by itself, and told */
    ut_recognize_options options = ut_recognize_defaults();
    assert_int_equal(ut_recognize(b.session, &pcm[2], 1, &options, b.arena, &r, NULL), UT_OK);
    assert_string_equal(r.language, "fr");
    assert_near(r.language_probability, 0.96, 1e-4);
    int decoded = fake.decoded; /* not sure enough: nothing but the start token is decoded */
    options.sure_language = 0.5f;
    assert_int_equal(ut_recognize(b.session, &pcm[0], 1, &options, b.arena, &r, NULL), UT_OK);
    assert_near(r.language_probability, 0.4, 1e-4);
    assert_int_equal(fake.decoded, decoded + 1);
    options.language = "de";
    assert_int_equal(ut_recognize(b.session, &pcm[2], 1, &options, b.arena, &r, NULL), UT_OK);
    assert_string_equal(r.language, "de");
    assert_true(r.language_probability == 1.0f);
    assert_int_equal(ut_recognize_language(b.session, pcm, 0, &votes, NULL), UT_ERR_USAGE);
    fake.tokens.multilingual = false;
    votes = (ut_language_votes){.weight = 0};
    assert_int_equal(ut_recognize_language(b.session, &pcm[1], 1, &votes, NULL), UT_OK);
    ut_language_elect(b.recognizer, &votes, language, &share);
    assert_string_equal(language, "en");
    assert_true(share == 1.0f);
    teardown(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suppression), cmocka_unit_test(test_timestamps),
        cmocka_unit_test(test_fallback),    cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_all_paths),   cmocka_unit_test(test_initial_prompt),
        cmocka_unit_test(test_languages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
