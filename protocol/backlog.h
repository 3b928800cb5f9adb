/* backlog.h - how many tags are still to be read, as the slots so far tell: chances over a grid of numbers, and
 * of how often one of several tags is read all the same (capture); Bayes, slot by slot.                          layer: protocol
 * Source: fact sheet 10.2, 10.3. */
#ifndef PROTOCOL_BACKLOG_H
#define PROTOCOL_BACKLOG_H

#include <stdbool.h>

#include "protocol/qalgo.h"
#include "protocol/slot_times.h"

enum { BACKLOG_POINTS = 160, BACKLOG_CAPTURES = 4 };

struct backlog_points {            /* one for each grid point; a hypothesis on captures */
    double chance[BACKLOG_POINTS]; /* that it was so many, and that captures are so frequent */
    double active[BACKLOG_POINTS]; /* of them, how many answer in slots still to come */
};

struct backlog { /* embedded; fields private */
    struct slot_times times;
    double least_us[BACKLOG_CAPTURES]; /* wasted a read at the best load */
    unsigned n_points;
    double prior[BACKLOG_POINTS];
    double count[BACKLOG_POINTS];                   /* tags unread when the frame began */
    struct backlog_points points[BACKLOG_CAPTURES]; /* all chances together: 1 */
    double slots_left;                              /* of the frame */
    double reads;                                   /* since the frame began */
};

/* Nothing is known: every order of magnitude up to 100,000 is as likely. */
void backlog_init(struct backlog *backlog, const struct slot_times *times);

/* About n_tags (>= 0) are there, within a fifth or so; fewer or more are possible. What was learned of captures
 * stays. */
void backlog_expect(struct backlog *backlog, double n_tags);

/* Every unread tag draws one of 2^q slots. */
void backlog_open_frame(struct backlog *backlog, int q);

/* A slot of the frame is over.
 *   in   is_recovered  there were several: one was told apart
 *   pre  backlog_slots_left > 0 */
void backlog_take(struct backlog *backlog, enum slot_outcome outcome, bool is_recovered);

double backlog_slots_left(const struct backlog *backlog);

double backlog_nobody(const struct backlog *backlog); /* chance that no tag is unread now */

double backlog_mean(const struct backlog *backlog); /* tags unread now */

/* Time wasted in the next slot, beyond what the best load would have wasted for the reads it brings, given that
 * somebody is there; us, in mean over what is likely.
 *   in  q  of a new frame, or -1: the frame goes on */
double backlog_excess_us(const struct backlog *backlog, int q);

#endif
