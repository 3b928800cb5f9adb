/* softusrp_hold.c - packets held up. */
#include "tests/softusrp_hold.h"

#include <stdlib.h>
#include <string.h>

#include "config/require.h"

bool hold_init(struct hold *hold)
{
    *hold = (struct hold){.packet = calloc(HOLD_PACKETS, sizeof *hold->packet)};
    return hold->packet != NULL;
}

void hold_fini(struct hold *hold)
{
    free(hold->packet);
    *hold = (struct hold){0};
}

void hold_clear(struct hold *hold)
{
    hold->n = 0;
}

void hold_put(struct hold *hold, const uint64_t *word, size_t n_bytes,
              const struct sockaddr_in *address, double due_s)
{
    require(hold->packet);
    require(n_bytes <= sizeof hold->packet->word);
    if (hold->n == HOLD_PACKETS) {
        hold->n_lost++;
        return;
    }
    struct hold_packet *packet = &hold->packet[(hold->first + hold->n++) % HOLD_PACKETS];
    packet->due_s = due_s;
    packet->address = *address;
    packet->n_bytes = n_bytes;
    memcpy(packet->word, word, n_bytes);
}

const struct hold_packet *hold_take(struct hold *hold, double now_s)
{
    struct hold_packet *packet = &hold->packet[hold->first];
    if (hold->n == 0 || packet->due_s > now_s) {
        return NULL;
    }
    hold->first = (hold->first + 1) % HOLD_PACKETS;
    hold->n--;
    return packet;
}
