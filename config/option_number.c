/* option_number.c - numbers in engineering notation, with or without their unit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/option_private.h"
#include "config/require.h"

struct si_prefix {
    char letter;
    double factor;
};

static const struct si_prefix si_prefixes[] = {{'p', 1e-12}, {'n', 1e-9}, {'u', 1e-6},
                                               {'m', 1e-3},  {'k', 1e3},  {'K', 1e3},
                                               {'M', 1e6},   {'G', 1e9},  {'T', 1e12}};

/* Units that rows may carry with a prefix of their own ("us", "kHz"). */
static const char *const base_units[] = {"s", "Hz", "W", "V", "m", "sps", "S/s"};

static const struct si_prefix *si_prefix_find(char letter)
{
    for (size_t i = 0; i < sizeof si_prefixes / sizeof *si_prefixes; i++) {
        if (si_prefixes[i].letter == letter) {
            return &si_prefixes[i];
        }
    }
    return NULL;
}

/* Decimal number at the start of the text; no hex, no inf, no nan.  Needs LC_NUMERIC "C". */
static enum status number_take(const char *text, double *value, const char **rest)
{
    const char *digits = text + strspn(text, " ");
    const char *first = digits + (*digits == '+' || *digits == '-');
    if (!strchr("0123456789.", *first) || !*first ||
        (first[0] == '0' && strchr("xX", first[1]) && first[1])) {
        return status_fail(ST_FORMAT, "'%.64s' is not a number", text);
    }
    char *end;
    *value = strtod(digits, &end);
    if (end == digits) {
        return status_fail(ST_FORMAT, "'%.64s' is not a number", text);
    }
    if (!isfinite(*value)) {
        return status_fail(ST_FORMAT, "'%.64s' is too large for a number", text);
    }
    *rest = end;
    return ST_OK;
}

/* Powers of ten below 1 are no doubles; dividing by their inverse, which is one, rounds once only:
 * 62.5u comes out as the double nearest to 62.5e-6. */
static double number_scale(double value, double factor)
{
    return factor < 1.0 ? value / nearbyint(1.0 / factor) : value * factor;
}

static enum status number_finish(const char *text, double value, double *result)
{
    if (!isfinite(value)) {
        return status_fail(ST_FORMAT, "'%.64s' is too large for a number", text);
    }
    *result = value;
    return ST_OK;
}

enum status option_parse_number(const char *text, double *value)
{
    require(text);
    require(value);
    double number = 0;
    const char *rest = "";
    enum status status = number_take(text, &number, &rest);
    if (status) {
        return status;
    }
    if (*rest == '\0') {
        return number_finish(text, number, value);
    }
    const struct si_prefix *prefix = si_prefix_find(*rest);
    if (!prefix || rest[1] != '\0') {
        return status_fail(ST_FORMAT, "'%.64s': '%.16s' is none of p n u m k K M G T", text, rest);
    }
    return number_finish(text, number_scale(number, prefix->factor), value);
}

/* The row's unit split into its own prefix and base: "us" -> 1e-6, "s"; "Hz" -> 1, "Hz". */
static double unit_factor(const char *unit, const char **base)
{
    const struct si_prefix *prefix = si_prefix_find(*unit);
    *base = unit;
    for (size_t i = 0; prefix && i < sizeof base_units / sizeof *base_units; i++) {
        if (strcmp(unit + 1, base_units[i]) == 0) {
            *base = base_units[i];
            return prefix->factor;
        }
    }
    return 1.0;
}

/* What stands behind the number: nothing, the row's unit, or an SI prefix with or without the base
 * unit ("915 MHz", "915M" in Hz; "62.5us", "62.5u", "0.0625ms" in us).  false: another unit */
static bool suffix_factor(const char *suffix, const char *unit, double *multiply, double *divide)
{
    *multiply = 1.0;
    *divide = 1.0;
    if (*suffix == '\0' || strcmp(suffix, unit) == 0) {
        return true;
    }
    const char *base;
    *divide = unit_factor(unit, &base);
    if (strcmp(suffix, base) == 0) {
        return true;
    }
    const struct si_prefix *prefix = si_prefix_find(*suffix);
    if (!prefix || (suffix[1] != '\0' && strcmp(suffix + 1, base) != 0)) {
        return false;
    }
    *multiply = prefix->factor;
    return true;
}

/* Number in the row's unit.  err ST_FORMAT with what is wrong, for the caller to say where */
static enum status number_in_unit(const char *text, const char *unit, double *value)
{
    double number = 0;
    const char *rest = "";
    enum status status = number_take(text, &number, &rest);
    if (status) {
        return status;
    }
    rest += strspn(rest, " ");
    double multiply;
    double divide;
    if (!suffix_factor(rest, unit, &multiply, &divide)) {
        return status_fail(ST_FORMAT, "'%.64s' has a wrong unit, wanted %s", text,
                           *unit ? unit : "a plain number");
    }
    if (multiply != divide) {
        number = number_scale(number, multiply);
        number = divide < 1.0 ? number * nearbyint(1.0 / divide) : number / divide;
    }
    return number_finish(text, number, value);
}

static enum status fail_value(const struct option_row *row, enum status status, const char *where,
                              const char *reason)
{
    return status_fail(status, "%s: key '%s': %s, accepted %.10g..%.10g%s%s", where, row->key,
                       reason, row->min, row->max, *row->unit ? " " : "", row->unit);
}

static enum status parse_double(const struct option_row *row, const char *text, const char *where,
                                double *value)
{
    double number = 0;
    enum status status = number_in_unit(text, row->unit, &number);
    if (status) {
        char reason[160];
        snprintf(reason, sizeof reason, "%.159s", status_detail());
        return fail_value(row, status, where, reason);
    }
    if (!(number >= row->min && number <= row->max)) {
        char reason[128];
        snprintf(reason, sizeof reason, "'%.64s' is out of range", text);
        return fail_value(row, ST_RANGE, where, reason);
    }
    *value = number;
    return ST_OK;
}

/* Plain digits keep all 63 bits (seeds); anything else goes through double and must be whole. */
static enum status parse_integer(const struct option_row *row, const char *text, const char *where,
                                 int64_t *value)
{
    double number = 0;
    enum status status = parse_double(row, text, where, &number);
    if (status) {
        return status;
    }
    const size_t sign = *text == '-' || *text == '+';
    if (text[sign] && text[sign + strspn(text + sign, "0123456789")] == '\0') {
        *value = strtoll(text, NULL, 10); /* saturates; the range was checked above */
    } else if (number != floor(number) || fabs(number) > 9007199254740992.0) {
        return fail_value(row, ST_FORMAT, where, "not a whole number");
    } else {
        *value = (int64_t)number;
    }
    return *value == INT64_MIN ? fail_value(row, ST_RANGE, where, "out of range") : ST_OK;
}

static enum status parse_bool(const struct option_row *row, const char *text, const char *where,
                              bool *value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *value = i % 2;
            return ST_OK;
        }
    }
    return status_fail(ST_FORMAT,
                       "%s: key '%s': '%.64s' is not one of true, false, yes, no, on, off", where,
                       row->key, text);
}

static enum status parse_choice(const struct option_row *row, const char *text, const char *where,
                                int *value)
{
    const size_t n_chars = strlen(text);
    int index = 0;
    for (const char *choice = row->choices; choice; index++) {
        const char *bar = strchr(choice, '|');
        size_t n_choice = bar ? (size_t)(bar - choice) : strlen(choice);
        if (n_choice == n_chars && memcmp(choice, text, n_chars) == 0) {
            *value = index;
            return ST_OK;
        }
        choice = bar ? bar + 1 : NULL;
    }
    return status_fail(ST_RANGE, "%s: key '%s': '%.64s' is not one of %s", where, row->key, text,
                       row->choices);
}

static enum status parse_text(const struct option_row *row, const char *text, const char *where,
                              char value[LIMIT_TEXT])
{
    const size_t n_bytes = strlen(text);
    const size_t n_most = row->max > 0.0 ? (size_t)row->max : LIMIT_TEXT - 1;
    if (n_bytes < (size_t)row->min || n_bytes > n_most) {
        return status_fail(ST_RANGE, "%s: key '%s': text of %zu bytes, accepted %zu..%zu", where,
                           row->key, n_bytes, (size_t)row->min, n_most);
    }
    for (const char *at = text; *at;) {
        uint32_t code_point;
        if (!option_utf8_next(&at, &code_point)) {
            return status_fail(ST_FORMAT, "%s: key '%s': text is not UTF-8", where, row->key);
        }
    }
    memcpy(value, text, n_bytes + 1);
    return ST_OK;
}

enum status option_parse_value(const struct option_row *row, const char *text, const char *where,
                               struct option_value *value)
{
    require(row);
    require(text);
    const bool unset = *text == '\0' && *row->fallback == '\0';
    switch (row->kind) {
    case OPTION_NUMBER:
        if (unset) {
            value->number = NAN;
            return ST_OK;
        }
        return parse_double(row, text, where, &value->number);
    case OPTION_INT:
        if (unset) {
            value->integer = INT64_MIN;
            return ST_OK;
        }
        return parse_integer(row, text, where, &value->integer);
    case OPTION_BOOL: return parse_bool(row, text, where, &value->flag);
    case OPTION_CHOICE: return parse_choice(row, text, where, &value->choice);
    case OPTION_TEXT: return parse_text(row, text, where, value->text);
    }
    return status_fail(ST_FORMAT, "%s: key '%s': row of no kind", where, row->key);
}
