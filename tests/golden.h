/* golden.h - golden facts of tests/golden/gen2/ for the tests. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The list in golden/gen2/<name>.json, never empty.  own: the caller, json_decref */
static inline json_t *golden_load(const char *name)
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/gen2/%s.json", ZP_GOLDEN_DIR, name);
    json_t *list = json_load_file(path, 0, &error);
    if (!list) {
        fail_msg("%s: %s", path, error.text);
    }
    assert_true(json_array_size(list) > 0);
    return list;
}

static inline double golden_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) {
        fail_msg("no number '%s'", key);
    }
    return json_number_value(value);
}

static inline const char *golden_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text) {
        fail_msg("no text '%s'", key);
    }
    return text;
}

/* "0110" -> unpacked bits; returns how many. */
static inline size_t golden_bits(const char *text, uint8_t *bit)
{
    size_t n_bits = strlen(text);
    for (size_t i = 0; i < n_bits; i++) {
        bit[i] = text[i] == '1';
    }
    return n_bits;
}

#endif
