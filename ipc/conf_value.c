/* conf_value.c - see conf_value.h. Each type has one reader here and one writer. */
#include "conf_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "log.h"
#include "name.h"

struct unit {
    const char *name;
    uint64_t worth;
};

/* Largest first, so that a value is written in the largest unit that divides it. */
static const struct unit sizes[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {0}};
static const struct unit times[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                    {"s", 1000},     {"ms", 1},      {0}};

static const char *const switches[] = {"no", "yes", "off", "on", "false", "true", NULL};

static const struct unit *units_of(enum conf_type type)
{
    return type == CONF_SIZE ? sizes : times;
}

void conf_append(char *out, size_t size, const char *fmt, ...)
{
    size_t len = strlen(out);
    va_list args;
    va_start(args, fmt);
    vsnprintf(out + len, size - len, fmt, args);
    va_end(args);
}

const char *conf_nearest(const char *written, const char *const *words, size_t n)
{
    size_t len = strlen(written);
    unsigned best = name_slips(len) + 1;
    const char *found = NULL;
    for (size_t i = 0; i < n && best > 0; i++) {
        if (!words[i]) continue;
        unsigned d = name_distance(written, len, words[i], strlen(words[i]), best - 1);
        if (d >= best) continue;
        best = d;
        found = words[i];
    }
    return found;
}

static size_t words_count(const char *const *words)
{
    size_t n = 0;
    while (words[n])
        n++;
    return n;
}

/* Foreign text in a message: escaped, and short enough to leave room for the rest. */
static bool refuse(struct conf_fault *fault, const char *text, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool refuse(struct conf_fault *fault, const char *text, const char *fmt, ...)
{
    char shown[80], more[CONF_WHAT_SIZE];
    log_escape(shown, sizeof shown, text, strlen(text));
    va_list args;
    va_start(args, fmt);
    vsnprintf(more, sizeof more, fmt, args);
    va_end(args);
    fault->what[0] = '\0';
    conf_append(fault->what, sizeof fault->what, "\"%s\" %s", shown, more);
    return false;
}

static void number_text(enum conf_type type, uint64_t v, char *out, size_t size)
{
    out[0] = '\0';
    if (type == CONF_INT || v == 0) {
        conf_append(out, size, "%" PRIu64, v);
        return;
    }
    const struct unit *u = units_of(type);
    while (v % u->worth)
        u++;
    conf_append(out, size, "%" PRIu64 "%s", v / u->worth, u->name);
}

/* Appends "a, b or c". */
static void words_text(const char *const *words, char *out, size_t size)
{
    for (size_t i = 0; words[i]; i++)
        conf_append(out, size, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

void conf_value_range(const struct conf_key *k, char *out, size_t size)
{
    char low[40], high[40];
    out[0] = '\0';
    switch (k->type) {
    case CONF_BOOL: conf_append(out, size, "yes or no"); break;
    case CONF_WORD: words_text(k->words, out, size); break;
    case CONF_STRING:
    case CONF_LIST:
    case CONF_ROOMS: conf_append(out, size, "at most %" PRIu64 " bytes", k->max); break;
    case CONF_INT:
    case CONF_SIZE:
    case CONF_TIME:
        number_text(k->type, k->min, low, sizeof low);
        number_text(k->type, k->max, high, sizeof high);
        conf_append(out, size, "%s to %s", low, high);
        break;
    }
}

/* Digits at the beginning of text; saturates, since too large is out of range whatever it is. */
static const char *take_digits(const char *text, uint64_t *v)
{
    *v = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(*v, 10, v) ||
            __builtin_add_overflow(*v, (uint64_t)(*text - '0'), v))
            *v = UINT64_MAX / 10; /* stays beyond every range, also with more digits */
    return text;
}

/* Which unit was meant by "kb", "min", "msec": the one that shares most of its beginning. */
static const char *nearest_unit(const struct unit *units, const char *written)
{
    const char *found = NULL;
    size_t most = 0;
    for (; units->name; units++) {
        size_t same = 0;
        while (units->name[same] && strncasecmp(units->name, written, same + 1) == 0)
            same++;
        if (same <= most) continue;
        most = same;
        found = units->name;
    }
    return found;
}

static bool unit_fault(const struct unit *units, const char *text, const char *written,
                       struct conf_fault *fault)
{
    const char *names[8] = {0};
    const char *near = nearest_unit(units, written);
    for (size_t n = 0; units[n].name; n++)
        names[n] = units[n].name;
    if (near)
        conf_append(fault->hint, sizeof fault->hint, "did you mean \"%.*s%s\"?",
                    (int)(strspn(text, "0123456789")), text, near);
    else {
        conf_append(fault->hint, sizeof fault->hint, "units are ");
        words_text(names, fault->hint, sizeof fault->hint);
    }
    return refuse(fault, text, *written ? "has an unknown unit" : "needs a unit");
}

static bool set_number(const struct conf_key *k, void *to, const char *text,
                       struct conf_fault *fault)
{
    char range[80];
    uint64_t v;
    const char *rest = take_digits(text, &v);
    if (rest == text) return refuse(fault, text, "is not a whole number");
    while (*rest == ' ' || *rest == '\t')
        rest++;
    if (k->type == CONF_INT && *rest) return refuse(fault, text, "is not a whole number");
    if (k->type != CONF_INT && (v != 0 || *rest)) {
        const struct unit *u = units_of(k->type);
        while (u->name && strcmp(u->name, rest) != 0)
            u++;
        if (!u->name) return unit_fault(units_of(k->type), text, rest, fault);
        if (__builtin_mul_overflow(v, u->worth, &v)) v = UINT64_MAX;
    }
    if (v >= k->min && v <= k->max) {
        memcpy(to, &v, sizeof v);
        return true;
    }
    conf_value_range(k, range, sizeof range);
    return refuse(fault, text, "is out of range: %s takes %s", k->key, range);
}

static bool set_bool(void *to, const char *text, struct conf_fault *fault)
{
    for (size_t i = 0; switches[i]; i++) {
        if (strcmp(text, switches[i]) != 0) continue;
        bool on = i % 2;
        memcpy(to, &on, sizeof on);
        return true;
    }
    return refuse(fault, text, "is neither yes nor no");
}

static bool set_word(const struct conf_key *k, void *to, const char *text, struct conf_fault *fault)
{
    char all[120] = "";
    for (unsigned i = 0; k->words[i]; i++) {
        if (strcmp(text, k->words[i]) != 0) continue;
        memcpy(to, &i, sizeof i);
        return true;
    }
    const char *near = conf_nearest(text, k->words, words_count(k->words));
    if (near) conf_append(fault->hint, sizeof fault->hint, "did you mean \"%s\"?", near);
    words_text(k->words, all, sizeof all);
    return refuse(fault, text, "is not a value of %s, which is %s", k->key, all);
}

const char *conf_text_fits(const char *text)
{
    size_t len = strlen(text);
    if (len == 0) return NULL;
    if (text[0] == ' ' || text[len - 1] == ' ') return "has a space at an end";
    if (text[0] == '#') return "begins with # as a comment does";
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) return "holds a control byte";
        if (text[i] == '#' && text[i - 1] == ' ') return "holds # after a space, as a comment does";
    }
    return NULL;
}

const char *conf_rooms_fit(const char *text)
{
    size_t len = strlen(text);
    if (len == 0) return NULL;
    if (text[0] == ' ' || text[len - 1] == ' ') return "has a space at an end";
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) return "holds a control byte";
        if (text[i] == '#' && (i == 0 || text[i - 1] == ' ') && (text[i + 1] == ' ' || !text[i + 1]))
            return "holds # alone, as a comment does";
    }
    return NULL;
}

/* Between two commas, or a comma and an end, there must be more than spaces. */
static bool list_has_gap(const char *text)
{
    bool empty = true;
    for (; *text; text++) {
        if (*text == ',' && empty) return true;
        if (*text != ' ') empty = *text == ',';
    }
    return empty;
}

static bool set_string(const struct conf_key *k, void *to, const char *text,
                       struct conf_fault *fault)
{
    const char *why = k->type == CONF_ROOMS ? conf_rooms_fit(text) : conf_text_fits(text);
    size_t len = strlen(text);
    if (why) return refuse(fault, text, "%s", why);
    if (len < k->min) return refuse(fault, text, "is too short for %s", k->key);
    if (len > k->max)
        return refuse(fault, text, "is too long: %s takes %" PRIu64 " bytes", k->key, k->max);
    if (k->type != CONF_STRING && len > 0 && list_has_gap(text))
        return refuse(fault, text, "has nothing where a comma promises something");
    memset(to, 0, k->max + 1);
    memcpy(to, text, len);
    return true;
}

bool conf_value_set(const struct conf_key *k, void *to, const char *text, struct conf_fault *fault)
{
    void *at = (char *)to + k->offset;
    fault->what[0] = fault->hint[0] = '\0';
    switch (k->type) {
    case CONF_BOOL: return set_bool(at, text, fault);
    case CONF_WORD: return set_word(k, at, text, fault);
    case CONF_STRING:
    case CONF_LIST:
    case CONF_ROOMS: return set_string(k, at, text, fault);
    case CONF_INT:
    case CONF_SIZE:
    case CONF_TIME: break;
    }
    return set_number(k, at, text, fault);
}

void conf_value_put(const struct conf_key *k, const void *from, struct buf *out)
{
    const char *at = (const char *)from + k->offset, *text = "";
    char number[40];
    uint64_t v;
    unsigned word;
    bool on;
    switch (k->type) {
    case CONF_BOOL:
        memcpy(&on, at, sizeof on);
        text = switches[on];
        break;
    case CONF_WORD:
        memcpy(&word, at, sizeof word);
        assert(word < words_count(k->words));
        text = k->words[word];
        break;
    case CONF_STRING:
    case CONF_LIST:
    case CONF_ROOMS:
        assert(!(k->type == CONF_ROOMS ? conf_rooms_fit : conf_text_fits)(at));
        text = at;
        break;
    case CONF_INT:
    case CONF_SIZE:
    case CONF_TIME:
        memcpy(&v, at, sizeof v);
        number_text(k->type, v, number, sizeof number);
        text = number;
        break;
    }
    buf_put(out, text, strlen(text));
}
