/* tag_access.h - commands to one tag: Req_RN and all that follows it in open and secured.
 * Source: Gen2 v2.1 6.3.2.12.3, Annex B (state transitions).            layer: radio/air */
#ifndef RADIO_AIR_TAG_ACCESS_H
#define RADIO_AIR_TAG_ACCESS_H

#include "radio/air/tag_answer.h"
#include "radio/air/tag_command.h"

/* Carry out a command from Req_RN on that ended at tag->command_end_tick, in whatever state. */
struct tag_answer tag_access_step(struct tag *tag, const struct tag_world *world,
                                  const struct tag_command *command);

/* Something else came in: in the middle of a Kill or Access sequence that ends in arbitrate. */
void tag_access_disturb(struct tag *tag);

#endif
