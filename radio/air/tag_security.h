/* tag_security.h - Challenge, Authenticate and ReadBuffer: a tag that proves what it is.
 * Source: Gen2 v2.1 6.3.2.12 (security commands, ResponseBuffer), ISO/IEC 29167-10 (AES-128: TAM1,
 * TAM2).                                                              layer: radio/air */
#ifndef RADIO_AIR_TAG_SECURITY_H
#define RADIO_AIR_TAG_SECURITY_H

#include <stdbool.h>

#include "radio/air/tag_answer.h"
#include "radio/air/tag_command.h"

/* C: is a response computed by `tick` and still kept? */
bool tag_security_holds_response(const struct tag *tag, double tick);

/* Compute into the ResponseBuffer if tag and message allow; there is no reply. */
void tag_security_challenge(struct tag *tag, const struct tag_world *world,
                            const struct tag_command *command);

/* The handle was right, the tag has a key. */
struct tag_answer tag_security_authenticate(struct tag *tag, const struct tag_world *world,
                                            const struct tag_command *command);
struct tag_answer tag_security_refuse(struct tag *tag, const struct tag_command *command,
                                      enum tag_fault fault);
struct tag_answer tag_security_read_buffer(struct tag *tag, const struct tag_command *command);

#endif
