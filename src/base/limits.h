/* Every cap on what comes from outside, in one list. */
#ifndef UT_BASE_LIMITS_H
#define UT_BASE_LIMITS_H

#define UT_MIB ((size_t)1024 * 1024)

#define UT_LIMIT_JSON_BYTES (256 * UT_MIB)      /* conversation and ground-truth documents */
#define UT_LIMIT_CONFIG_BYTES (1 * UT_MIB)      /* YAML, .env, model config.json */
#define UT_LIMIT_TOKENIZER_BYTES (64 * UT_MIB)  /* tokenizer.json, vocabularies */
#define UT_LIMIT_WEIGHTS_BYTES (32768 * UT_MIB) /* one weights file */
#define UT_LIMIT_TENSORS 65536                  /* tensors in one file */
#define UT_LIMIT_CHANNELS 64                    /* audio channels */
#define UT_LIMIT_RATE_LOW 4000                  /* hertz */
#define UT_LIMIT_RATE_HIGH 384000               /* hertz */
#define UT_LIMIT_DURATION_S (24.0 * 3600.0)     /* one recording */
#define UT_LIMIT_LINE_BYTES (1 * UT_MIB)        /* one line of a text conversation */
#define UT_LIMIT_DIALOGUE_LINES 10000           /* one text conversation */
#define UT_LIMIT_DIALOGUE_BYTES (16 * UT_MIB)   /* the same */
#define UT_LIMIT_ZIP_ENTRIES 65536              /* files in a wheel or checkpoint */

#endif
