/* tag_state.h - the tag's states and flags: what each command does.     layer: radio/air
 * Source: Gen2 v2.1 Annex B (state transitions), 6.3.2.12.1-2 (Select, inventory commands). */
#ifndef RADIO_AIR_TAG_STATE_H
#define RADIO_AIR_TAG_STATE_H

#include <stdbool.h>

#include "radio/air/tag_answer.h"
#include "radio/air/tag_command.h"

/* False: invalid for this tag (parameters, preamble, link), to be ignored in every state. */
bool tag_state_accepts(const struct tag *tag, const struct tag_command *command);

/* Carry out an accepted command that ended at tag->command_end_tick.  out  what to send */
struct tag_answer tag_state_step(struct tag *tag, const struct tag_world *world,
                                 const struct tag_command *command);

#endif
