/* The Chroma back end: where the collection is, and who asks. */
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "store/chroma.h"

static const char form[] = "write chroma://host:port/collection?tenant=T&database=D";

static ut_status wrong(const char *what, ut_error *err)
{
    return ut_fail(err, UT_ERR_USAGE, "store", "the address of the Chroma collection %s; %s", what,
                   form);
}

/* Takes %XX for the character; false for what cannot be one. */
static bool decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        if (!isxdigit((unsigned char)from[1]) || !isxdigit((unsigned char)from[2]))
            return false;
        char digits[3] = {from[1], from[2], 0};
        *to = (char)strtol(digits, NULL, 16);
        if (*to++ == 0)
            return false;
        from += 2;
    }
    *to = 0;
    return true;
}

static bool only(const char *text, const char *others)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr(others, *text))
            return false;
    return true;
}

/* Chroma's own rule, so that a slip is told before anything is asked. */
static bool is_collection(const char *name)
{
    size_t length = strlen(name);
    return length >= 3 && length <= 512 && only(name, "._-") && isalnum((unsigned char)*name) &&
           isalnum((unsigned char)name[length - 1]) && !strstr(name, "..");
}

static char *format(ut_arena *arena, const char *pattern, const char *a, const char *b,
                    const char *c)
{
    size_t room = strlen(pattern) + strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = ut_arena_alloc(arena, room, 1);
    if (text)
        snprintf(text, room, pattern, a, b, c);
    return text;
}

/* Headers take visible characters alone. */
static bool is_token(const char *token)
{
    for (; *token; token++)
        if (*token <= ' ' || *token > '~')
            return false;
    return true;
}

/* Chroma's clients send a token in one of two headers, and the servers and proxies look at one of
 * them: both are sent. A name with a password is what they call basic authentication. */
static ut_status take_user(char *user, const char *token, ut_arena *arena, ut_chroma_place *place,
                           ut_error *err)
{
    if (user && !decode(user))
        return wrong("holds a % without two hexadecimal digits of a character", err);
    bool basic = !token && user && strchr(user, ':');
    if (!token)
        token = user ? user : getenv("CHROMA_TOKEN");
    if (!token || !*token)
        return UT_OK;
    if (!is_token(token) || strlen(token) > UT_STORE_STRING_MOST)
        return ut_fail(err, UT_ERR_CONFIG, "store",
                       "the Chroma token is too long or holds blanks or other characters that "
                       "cannot be sent");
    char text[2 * UT_STORE_STRING_MOST];
    sodium_bin2base64(text, sizeof text, (const unsigned char *)token, strlen(token),
                      sodium_base64_VARIANT_ORIGINAL);
    if (basic)
        place->headers[0] = format(arena, "Authorization: Basic %s%s%s", text, "", "");
    else {
        place->headers[0] = format(arena, "Authorization: Bearer %s%s%s", token, "", "");
        place->headers[1] = format(arena, "X-Chroma-Token: %s%s%s", token, "", "");
    }
    return place->headers[0] && (basic || place->headers[1]) ? UT_OK : ut_fail_memory(err, "store");
}

typedef struct parts {
    char *user, *host, *port, *collection; /* user and port may be NULL */
    const char *tenant, *database;
    bool ssl;
} parts;

static ut_status take_options(char *options, parts *p, ut_error *err)
{
    char *rest = options;
    for (char *option; (option = strsep(&rest, "&"));) {
        char *value = strchr(option, '=');
        if (value)
            *value++ = 0;
        if (value && strcmp(option, "tenant") == 0 && *value && only(value, "._~-%"))
            p->tenant = value;
        else if (value && strcmp(option, "database") == 0 && *value && only(value, "._~-%"))
            p->database = value;
        else if (value && strcmp(option, "ssl") == 0 && strcmp(value, "true") == 0)
            p->ssl = true;
        else
            return wrong("ends in an option that is not known", err);
    }
    return UT_OK;
}

/* Cuts the text after "chroma://" into its parts. */
static ut_status cut(char *text, parts *p, ut_error *err)
{
    char *options = strchr(text, '?');
    if (options)
        *options++ = 0;
    p->collection = strchr(text, '/');
    if (!p->collection)
        return wrong("names no collection", err);
    *p->collection++ = 0;
    char *at = strrchr(text, '@');
    if (at)
        *at++ = 0;
    p->user = at ? text : NULL;
    p->host = at ? at : text;
    char *bracket = strchr(p->host, ']');
    p->port = strchr(bracket ? bracket : p->host, ':');
    if (p->port)
        *p->port++ = 0;
    if (!*p->host || !only(p->host, *p->host == '[' ? "[]:.%" : ".-_"))
        return wrong("names no host", err);
    if (p->port &&
        (!*p->port || strlen(p->port) > 5 || strspn(p->port, "0123456789") < strlen(p->port) ||
         strtol(p->port, NULL, 10) > 65535))
        return wrong("has a port that is no number up to 65535", err);
    if (!is_collection(p->collection))
        return wrong("has a collection whose name Chroma does not allow (3 to 512 letters, "
                     "digits, '.', '_', '-', a letter or digit at both ends)",
                     err);
    return options ? take_options(options, p, err) : UT_OK;
}

ut_status ut_chroma_place_read(const char *url, const char *token, ut_arena *arena,
                               ut_chroma_place *place, ut_error *err)
{
    *place = (ut_chroma_place){0};
    parts p = {.tenant = "default_tenant", .database = "default_database"};
    if (strlen(url) > UT_CHROMA_URL_MOST / 2)
        return wrong("is too long", err);
    char *text = ut_arena_strdup(arena, url + strlen("chroma://"));
    if (!text)
        return ut_fail_memory(err, "store");
    UT_TRY(cut(text, &p, err));
    UT_TRY(take_user(p.user, token, arena, place, err));
    const char *port = p.port ? p.port : p.ssl ? "443" : "8000";
    const char *server = format(arena, "%s:%s%s", p.host, port, "");
    if (!server)
        return ut_fail_memory(err, "store");
    place->api = format(arena, "%s://%s/api/v2%s", p.ssl ? "https" : "http", server, "");
    if (place->api)
        place->database =
            format(arena, "%s/tenants/%s/databases/%s", place->api, p.tenant, p.database);
    place->collection = p.collection;
    place->shown = format(arena, "chroma://%s/%s%s", server, p.collection, "");
    return place->database && place->shown ? UT_OK : ut_fail_memory(err, "store");
}
