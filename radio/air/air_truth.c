/* air_truth.c - what the tags really are, for checks and benches. */
#include <string.h>

#include "config/require.h"
#include "radio/air/air_parts.h"

size_t air_n_tags(const struct air *air)
{
    require(air);
    return air->n_tags;
}

void air_tag_read(const struct air *air, size_t index, struct air_tag_truth *truth)
{
    require(index < air->n_tags);
    require(truth);
    const struct air_tag *item = &air->tags[index];
    memset(truth, 0, sizeof *truth);
    truth->n_epc_bits = tag_memory_n_epc_bits(&item->tag.store->memory);
    memcpy(truth->epc, item->tag.store->memory.epc + 4, truth->n_epc_bits / 8);
    truth->gain = item->gain;
    truth->blf_error_ratio = item->tag.blf_error_ratio;
    truth->power_dbm = item->power_dbm;
    memcpy(truth->at_m, item->at_m, sizeof truth->at_m);
    truth->tx_in_sight = item->tx_in_sight;
    truth->rx_in_sight = item->rx_in_sight;
    truth->is_running = item->tag.is_powered;
    truth->stored_uj = item->store.stored_uj;
    truth->n_rn16_sent = item->tag.n_rn16_sent;
    truth->n_epc_sent = item->tag.n_epc_sent;
    truth->n_acks_heard = item->tag.n_acks_heard;
    truth->n_acks_late = item->tag.n_acks_late;
}

_Static_assert(AIR_TAG_USER_WORDS_MAX == TAG_USER_WORDS_MAX, "all words of a tag are shown");
_Static_assert((int)AIR_TAG_KILLED == (int)TAG_KILLED, "states in the same order");

void air_tag_read_memory(const struct air *air, size_t index, struct air_tag_memory *memory)
{
    require(index < air->n_tags);
    require(memory);
    const struct air_tag *item = &air->tags[index];
    const struct tag_memory *from = &item->tag.store->memory;
    *memory = (struct air_tag_memory){.kill_password = tag_memory_kill_password(from),
                                      .access_password = tag_memory_access_password(from),
                                      .n_epc_words = 2 + (size_t)from->n_epc_words,
                                      .n_user_words = from->n_user_words,
                                      .lock_bits = from->lock_bits,
                                      .permalocked_blocks = from->permalocked_blocks,
                                      .hides_epc = from->epc_hides,
                                      .hides_user = from->user_hides,
                                      .hides_tid = from->tid_hides,
                                      .is_untraceable = from->is_untraceable,
                                      .has_reduced_range = tag_extra_power_db(&item->tag) > 0.0,
                                      .state = (enum air_tag_state)item->tag.state,
                                      .has_true_key = item->has_true_key,
                                      .is_replaying = item->is_replaying,
                                      .n_access_heard = item->tag.n_access_heard,
                                      .n_access_lost = item->tag.n_access_lost};
    memory->xpc_w1 =
        from->has_xpc ? tag_memory_word(from, TAG_BANK_EPC, TAG_XPC_FIRST_BIT / 16) : 0;
    for (size_t i = 0; i < memory->n_epc_words; i++) {
        memory->epc_words[i] = tag_memory_word(from, TAG_BANK_EPC, i);
    }
    for (size_t i = 0; i < TAG_TID_WORDS; i++) {
        memory->tid_words[i] = tag_memory_word(from, TAG_BANK_TID, i);
    }
    for (size_t i = 0; i < memory->n_user_words; i++) {
        memory->user_words[i] = tag_memory_word(from, TAG_BANK_USER, i);
    }
}
