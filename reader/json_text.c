/* json_text.c - one JSON object into a fixed buffer. */
#include "reader/json_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"

#define JSON_INTEGER_MAX 9e18 /* below 2^63 */

static const uint64_t powers_of_ten[] = {1,      10,      100,      1000,      10000,
                                         100000, 1000000, 10000000, 100000000, 1000000000};

static void put_bytes(struct json_text *json, const char *bytes, size_t n_bytes)
{
    require(json->n + n_bytes < json->capacity);
    memcpy(json->text + json->n, bytes, n_bytes);
    json->n += n_bytes;
    json->text[json->n] = '\0';
}

static void put_text(struct json_text *json, const char *text)
{
    put_bytes(json, text, strlen(text));
}

void json_text_init(struct json_text *json, char *text, size_t capacity)
{
    require(text);
    require(capacity > 0);
    *json = (struct json_text){.text = text, .capacity = capacity};
    text[0] = '\0';
}

/* Length of the UTF-8 sequence that starts here, 0 when there is none (RFC 3629, table of 4). */
static size_t utf8_length(const unsigned char *at)
{
    if (at[0] < 0x80) {
        return 1;
    }
    size_t n = at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xC0) != 0x80) { /* the final zero ends here as well */
            return 0;
        }
    }
    bool overlong = (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xF0 && at[1] < 0x90);
    bool outside = (at[0] == 0xED && at[1] >= 0xA0) || (at[0] == 0xF4 && at[1] >= 0x90);
    return n > 0 && (overlong || outside) ? 0 : n;
}

static void put_quoted(struct json_text *json, const char *value)
{
    put_text(json, "\"");
    for (const unsigned char *at = (const unsigned char *)value; *at;) {
        size_t n = utf8_length(at);
        char escape[8];
        if (n == 0) {
            put_text(json, "\\ufffd");
            n = 1;
        } else if (*at == '"' || *at == '\\') {
            snprintf(escape, sizeof escape, "\\%c", *at);
            put_text(json, escape);
        } else if (*at < 0x20 || *at == 0x7F) {
            snprintf(escape, sizeof escape, "\\u%04x", *at);
            put_text(json, escape);
        } else {
            put_bytes(json, (const char *)at, n);
        }
        at += n;
    }
    put_text(json, "\"");
}

static void put_key(struct json_text *json, const char *key)
{
    if (json->comma) {
        put_text(json, ",");
    }
    json->comma = true;
    if (key) {
        put_quoted(json, key);
        put_text(json, ":");
    }
}

void json_text_open(struct json_text *json, const char *key)
{
    put_key(json, key);
    put_text(json, "{");
    json->comma = false;
}

void json_text_close(struct json_text *json)
{
    put_text(json, "}");
    json->comma = true;
}

void json_text_open_array(struct json_text *json, const char *key)
{
    put_key(json, key);
    put_text(json, "[");
    json->comma = false;
}

void json_text_close_array(struct json_text *json)
{
    put_text(json, "]");
    json->comma = true;
}

void json_text_string(struct json_text *json, const char *key, const char *value)
{
    require(value);
    put_key(json, key);
    put_quoted(json, value);
}

void json_text_bool(struct json_text *json, const char *key, bool value)
{
    put_key(json, key);
    put_text(json, value ? "true" : "false");
}

void json_text_count(struct json_text *json, const char *key, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    put_key(json, key);
    put_text(json, text);
}

void json_text_hex4(struct json_text *json, const char *key, uint16_t value)
{
    char text[8];
    snprintf(text, sizeof text, "%04X", value);
    json_text_string(json, key, text);
}

size_t json_text_decimal(double value, unsigned n_decimals, char text[32])
{
    require(n_decimals < sizeof powers_of_ten / sizeof *powers_of_ten);
    const uint64_t scale = powers_of_ten[n_decimals];
    require(fabs(value) * (double)scale < JSON_INTEGER_MAX);
    const int64_t scaled = llround(value * (double)scale);
    const uint64_t magnitude = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
    const char *sign = scaled < 0 ? "-" : ""; /* no "-0.00" */
    int n = n_decimals > 0 ? snprintf(text, 32, "%s%" PRIu64 ".%0*" PRIu64, sign, magnitude / scale,
                                      (int)n_decimals, magnitude % scale)
                           : snprintf(text, 32, "%s%" PRIu64, sign, magnitude);
    require(n > 0);
    require(n < 32);
    return (size_t)n;
}

static void put_number(struct json_text *json, const char *key, double value, unsigned n_decimals,
                       bool trim)
{
    char text[32];
    put_key(json, key);
    if (!isfinite(value) || fabs(value) >= JSON_INTEGER_MAX / (double)powers_of_ten[n_decimals]) {
        put_text(json, "null");
        return;
    }
    size_t n = json_text_decimal(value, n_decimals, text);
    while (trim && n > 2 && text[n - 1] == '0' && text[n - 2] != '.') {
        text[--n] = '\0';
    }
    put_text(json, text);
}

void json_text_number(struct json_text *json, const char *key, double value, unsigned n_decimals)
{
    require(n_decimals <= 9);
    put_number(json, key, value, n_decimals, false);
}

void json_text_number_short(struct json_text *json, const char *key, double value,
                            unsigned n_decimals)
{
    require(n_decimals >= 1);
    require(n_decimals <= 9);
    put_number(json, key, value, n_decimals, true);
}

void json_text_number_if(struct json_text *json, const char *key, double value, unsigned n_decimals)
{
    if (!isnan(value)) {
        json_text_number(json, key, value, n_decimals);
    }
}
