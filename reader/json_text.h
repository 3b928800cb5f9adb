/* json_text.h - one JSON object into a fixed buffer: no allocation, no locale, the same bytes every
 * time.                                                                      layer: reader
 * Source: RFC 8259. The buffer must be large enough: running over it is a broken caller. */
#ifndef READER_JSON_TEXT_H
#define READER_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text {
    char *text;
    size_t n, capacity;
    bool comma; /* a member stands before the next one */
};

/* Start with an empty buffer; text is zero-terminated after every call. */
void json_text_init(struct json_text *json, char *text, size_t capacity);

/* Open an object; key NULL: the outermost. */
void json_text_open(struct json_text *json, const char *key);
void json_text_close(struct json_text *json);
/* The same for an array; its elements are members with key NULL. */
void json_text_open_array(struct json_text *json, const char *key);
void json_text_close_array(struct json_text *json);

/* Members. Bytes that are not UTF-8 become U+FFFD. */
void json_text_string(struct json_text *json, const char *key, const char *value);
void json_text_bool(struct json_text *json, const char *key, bool value);
void json_text_count(struct json_text *json, const char *key, uint64_t value);
void json_text_hex4(struct json_text *json, const char *key, uint16_t value);
/* A number with n_decimals (0..9) decimals; null when it is not finite or needs 19 digits. */
void json_text_number(struct json_text *json, const char *key, double value, unsigned n_decimals);
/* The same with zeros at the end left out, at least one decimal kept. */
void json_text_number_short(struct json_text *json, const char *key, double value,
                            unsigned n_decimals);
/* The same, and nothing at all for NaN. */
void json_text_number_if(struct json_text *json, const char *key, double value,
                         unsigned n_decimals);

/* "-12.30": decimal text without locale.  out length
 * pre isfinite(value), |value| * 10^n_decimals < 9e18, n_decimals <= 9; text holds 32 */
size_t json_text_decimal(double value, unsigned n_decimals, char text[32]);

#endif
