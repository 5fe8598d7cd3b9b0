/* trust.c - see trust.h. The file is small: it is read whole and written whole, under a lock. */
#include "trust.h"

#include <ctype.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "log.h"

enum { FILE_MAX = 256 * 1024, LINE_MAX_LEN = 512 };

void trust_place(char out[TRUST_PLACE], const char *host, const char *port)
{
    const char *format = strchr(host, ':') ? "[%s]:%s" : "%s:%s";
    int n = snprintf(out, TRUST_PLACE, format, host, port);
    if (n >= TRUST_PLACE) n = TRUST_PLACE - 1;
    for (int i = 0; i < n; i++)
        out[i] = (char)tolower((unsigned char)out[i]);
}

void trust_fingerprint(const uint8_t server_id[32], char out[TRUST_FINGERPRINT])
{
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, server_id, 32);
    char *at = out;
    for (unsigned i = 0; i < 32; i++) {
        unsigned bit = i * 5, byte = bit / 8;
        unsigned pair = (unsigned)hash[byte] << 8 | hash[byte + 1];
        if (i && i % 4 == 0) *at++ = '-';
        *at++ = digits[pair >> (11 - bit % 8) & 31];
    }
    *at = '\0';
}

/* The next line of *text (terminated in place), or NULL. */
static char *next_line(char **text)
{
    char *line = *text;
    if (!*line) return NULL;
    char *end = strchr(line, '\n');
    *text = end ? end + 1 : line + strlen(line);
    if (end) *end = '\0';
    return line;
}

/* True for a line that pins something; malformed lines are nobody's pin. */
static bool parse_line(const char *line, char place[TRUST_PLACE], struct trust_pin *pin)
{
    char base64[64];
    size_t n = 0;
    pin->date[0] = '\0';
    if (line[0] == '#' || sscanf(line, "%299s ed25519 %63s %15s", place, base64, pin->date) < 2)
        return false;
    return sodium_base642bin(pin->server_id, 32, base64, strlen(base64), NULL, &n, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n == 32;
}

/* The whole file, to free; NULL and why. */
static char *load(const char *file, struct why *why)
{
    char *text = xmalloc(FILE_MAX);
    if (file_read(file, 022, text, FILE_MAX, why) >= 0) return text;
    free(text);
    return NULL;
}

enum trust_verdict trust_check(const char *file, const char *place, const uint8_t server_id[32],
                               struct trust_pin *pin, struct why *why)
{
    char *text = load(file, why), *rest = text, *line, found[TRUST_PLACE];
    if (!text) return TRUST_TROUBLE;
    enum trust_verdict verdict = TRUST_UNKNOWN;
    while (verdict == TRUST_UNKNOWN && (line = next_line(&rest))) {
        if (!parse_line(line, found, pin) || strcasecmp(found, place) != 0) continue;
        verdict = sodium_memcmp(pin->server_id, server_id, 32) ? TRUST_CHANGED : TRUST_PINNED;
    }
    free(text);
    return verdict;
}

static void put_pin(struct buf *b, const char *place, const uint8_t server_id[32])
{
    char base64[64], date[16], line[LINE_MAX_LEN];
    struct tm tm;
    time_t now = time(NULL);
    sodium_bin2base64(base64, sizeof base64, server_id, 32, sodium_base64_VARIANT_ORIGINAL);
    strftime(date, sizeof date, "%F", gmtime_r(&now, &tm));
    int n = snprintf(line, sizeof line, "%s ed25519 %s %s\n", place, base64, date);
    buf_put(b, line, (size_t)n);
}

/* The file's new text: every line but the place's old one, then the new pin. */
static void rewrite(struct buf *b, char *text, const char *place, const uint8_t server_id[32])
{
    char *line, found[TRUST_PLACE];
    struct trust_pin pin;
    while ((line = next_line(&text))) {
        if (parse_line(line, found, &pin) && strcasecmp(found, place) == 0) continue;
        buf_put(b, line, strlen(line));
        buf_put(b, "\n", 1);
    }
    put_pin(b, place, server_id);
}

int trust_accept(const char *file, const char *place, const uint8_t server_id[32], struct why *why)
{
    int lock = file_lock_folder(file, why);
    if (lock < 0) return -1;
    int r = -1;
    char *text = load(file, why);
    if (text) {
        struct buf b = {0};
        rewrite(&b, text, place, server_id);
        r = file_replace(file, buf_head(&b), buf_len(&b), why);
        buf_free(&b);
        free(text);
    }
    close(lock);
    return r;
}

int trust_only(const char *file, char out[TRUST_PLACE], struct why *why)
{
    char *text = load(file, why), *rest = text, *line, found[TRUST_PLACE];
    if (!text) return -1;
    struct trust_pin pin;
    int n = 0;
    while ((line = next_line(&rest))) {
        if (!parse_line(line, found, &pin)) continue;
        n++;
        snprintf(out, TRUST_PLACE, "%s", found);
    }
    free(text);
    return n == 1;
}
