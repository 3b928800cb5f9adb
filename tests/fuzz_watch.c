/* fuzz_watch.c - bytes as messages of a reader: parsed, shown, and written again.
 * Half of the inputs are wrapped into a good frame, so that random bytes reach the fields. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/require.h"
#include "reader/record_parse.h"
#include "reader/view_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void message_take(const char *text, size_t n_bytes)
{
    static struct view_state view;
    struct record record;
    struct record_context context;
    if (record_from_json(text, n_bytes, &record, &context) != ST_OK) {
        return;
    }
    if (!view.tags) {
        require(view_state_init(&view) == ST_OK);
    }
    char json[RECORD_JSON_MAX], line[VIEW_TEXT_MAX];
    require(record_to_json(&record, &context, json, sizeof json) == strlen(json));
    require(record_to_line(&record, &context, line, sizeof line) == strlen(line));
    for (const char *at = line; *at; at++) {
        require(*at >= ' ' && *at <= '~');
    }
    view_state_note(&view, &record);
    for (unsigned k = 0; k < 3; k++) {
        view_head_text(&view, k, n_bytes, line);
    }
    view_title_text(&view, context.reader_name, "", line);
    if (view_tags_count(view.tags) > 0) {
        view_tags_sort(view.tags, (enum view_sort)(n_bytes % VIEW_SORT_N), n_bytes & 1);
        view_row_text(&view, view_tags_row(view.tags, 0), VIEW_HEX_DIGITS, n_bytes, line);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const char *const keys[] = {
        "epc",   "rn16", "count",     "outcome", "slots",   "host",     "t",     "antenna",
        "round", "type", "phase_deg", "reads",   "replies", "channels", "cause", "causes"};
    enum { KEYS = sizeof keys / sizeof *keys };
    static const char *const types[] = {"read", "slot", "round", "status", "summary"};
    char text[8192];
    message_take((const char *)data, n_bytes);
    if (n_bytes < 3) {
        return 0;
    }
    int n = snprintf(text, sizeof text,
                     "{\"v\":1,\"reader\":\"r\",\"type\":\"%s\",\"t\":%u,\"outcome\":\"empty\","
                     "\"epc\":\"3034\",\"k%s\":0,\"%s\":",
                     types[data[0] % 5], data[1], keys[data[2] % KEYS], keys[data[2] % KEYS]);
    require(n > 0);
    for (size_t k = 3; k < n_bytes && n < 8000; k++) { /* characters JSON values are made of */
        static const char alphabet[] = "0123456789abcdefABCDEF\"\"{}[]:,.-+eE \\unult\"r";
        text[n++] = alphabet[data[k] % (sizeof alphabet - 1)];
    }
    text[n++] = '}';
    message_take(text, (size_t)n);
    return 0;
}
