/* view_state.h - what a view knows of a run, and its lines as text; no terminal in here.
 *                                                                            layer: reader */
#ifndef READER_VIEW_STATE_H
#define READER_VIEW_STATE_H

#include <stdio.h>

#include "reader/view_tags.h"

enum { VIEW_TEXT_MAX = 512, VIEW_HEX_DIGITS = 24, VIEW_COLUMNS_CHARS = 52 };

struct view_state {
    struct view_tags *tags;
    struct record_status status; /* the last one, slots and reads counted on from there */
    double now_s, last_status_s;
    double freq_hz;  /* of the last read, NaN: not known */
    bool calibrated; /* RSSI is in dBm */
    bool has_summary;
    uint64_t n_unlisted_reads; /* of tags the table has no room for */
    enum view_sort sort;
    bool reversed;
};

enum status view_state_init(struct view_state *state) must_check;
void view_state_fini(struct view_state *state);
void view_state_note(struct view_state *state, const struct record *record);

/* Lines of at most n_columns characters; `line` 0..2 of the head under the title. */
void view_title_text(const struct view_state *state, const char *reader_name, const char *source,
                     char text[VIEW_TEXT_MAX]);
void view_head_text(const struct view_state *state, unsigned line, size_t n_columns,
                    char text[VIEW_TEXT_MAX]);
/* Column heads and a tag's row; n_hex: width of the EPC column, URI behind it where there is room. */
void view_columns_text(const struct view_state *state, size_t n_hex, size_t n_columns,
                       char text[VIEW_TEXT_MAX]);
void view_row_text(const struct view_state *state, const struct view_tag *tag, size_t n_hex,
                   size_t n_columns, char text[VIEW_TEXT_MAX]);

/* The final table and the summary as plain text. */
void view_print(struct view_state *state, const struct record_context *context, FILE *stream);

#endif
