/* limits.h - every capacity of the program.                           layer: config */
#ifndef CONFIG_LIMITS_H
#define CONFIG_LIMITS_H

#define LIMIT_BITS 4352          /* longest command or reply: BlockWrite/Read of 255 words */
#define LIMIT_EPC_BITS 496       /* 31 words */
#define LIMIT_REPLY_EPC_BITS 560 /* PC + 31 words + CRC-16 + two XPC words */
#define LIMIT_RX_CHANNELS 2
#define LIMIT_TEXT 256    /* text option values, with the final zero */
#define LIMIT_OPTIONS 512 /* option rows in one set */

_Static_assert(LIMIT_BITS >= 8 + 2 + 24 + 8 + 255 * 16 + 32, "BlockWrite of 255 words");
_Static_assert(LIMIT_REPLY_EPC_BITS == 16 + 31 * 16 + 16 + 32, "longest ACK reply");

#endif
