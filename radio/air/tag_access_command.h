/* tag_access_command.h - the commands that begin with 11: how long, which fields.
 * Source: Gen2 v2.1 6.3.2.12.3; what rests on memory is marked in the table.  layer: radio/air */
#ifndef RADIO_AIR_TAG_ACCESS_COMMAND_H
#define RADIO_AIR_TAG_ACCESS_COMMAND_H

#include <stddef.h>
#include <stdint.h>

#include "radio/air/tag_command.h"

/* How many bits such a command has, as far as its first n_bits tell; as tag_command_need.
 *   pre  n_bits >= 2, the first two are 11 */
size_t tag_access_command_need(const uint8_t *packed, size_t n_bits);

/* Kind and fields of a complete one; its CRC and the values of its fields are not looked at. */
void tag_access_command_read(const uint8_t *packed, size_t n_bits, struct tag_command *command);

#endif
