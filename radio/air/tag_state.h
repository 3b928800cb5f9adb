/* tag_state.h - the tag's states and flags: what each command does.     layer: radio/air
 * Source: Gen2 v2.1 Annex B (state transitions), 6.3.2.12.1-2 (Select, inventory commands). */
#ifndef RADIO_AIR_TAG_STATE_H
#define RADIO_AIR_TAG_STATE_H

#include <stdbool.h>

#include "radio/air/tag.h"
#include "radio/air/tag_command.h"

enum tag_answer { TAG_ANSWER_NONE, TAG_ANSWER_RN16, TAG_ANSWER_EPC };

/* False: invalid for this tag (parameters, preamble, link), to be ignored in every state. */
bool tag_state_accepts(const struct tag *tag, const struct tag_command *command);

/* Carry out an accepted command that ended at `tick`.  out  what to send, if anything */
enum tag_answer tag_state_step(struct tag *tag, const struct tag_command *command, double tick);

#endif
