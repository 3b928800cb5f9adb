/* tid.h - TID bank: words -> who made the chip, which one, its serial number.  layer: protocol
 * Source: GS1 EPC Tag Data Standard (TID, XTID); designers: GS1 MDID list. */
#ifndef PROTOCOL_TID_H
#define PROTOCOL_TID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/status.h"

enum {
    TID_SERIAL_BYTES_MAX = 18, /* length code 7: 48 + 16 * 6 bits */
    TID_URI_MAX = 96,
};

struct tid {
    uint8_t class_id; /* E2h: GS1; E0h, E3h: ISO, then nothing else is filled in */
    bool has_xtid, has_security, has_file;
    uint16_t mdid; /* 9 bits */
    uint16_t tmn;  /* 12 bits */
    uint16_t xtid_header;
    size_t n_serial_bits; /* as the XTID header says; 0: none */
    bool serial_known;    /* all of it was among the words */
    uint8_t serial[TID_SERIAL_BYTES_MAX];
};

/*   in   word[n_words] from address 0 of the bank on
 *   err  ST_SHORT fewer than two words; ST_FORMAT the class is not E2h: class_id is filled in */
enum status tid_parse(const uint16_t *word, size_t n_words, struct tid *tid) must_check;

/* Words from address 0 on that hold all of what tid_parse understands, as far as is known yet: 2, 3
 * where an XTID header follows, and the serial number. */
size_t tid_n_words(const struct tid *tid, size_t n_words);

/* Name of the designer, of the chip; NULL: not in the tables.   own: static text */
const char *tid_designer(const struct tid *tid);
const char *tid_chip(const struct tid *tid);

/* "urn:epc:stid:x001.x160.x7ABC12345678".   err ST_NOT_FOUND no serial number: uri is empty */
enum status tid_uri(const struct tid *tid, char uri[TID_URI_MAX]) must_check;

#endif
