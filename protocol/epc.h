/* epc.h - EPC views: hex and EPC Tag Data Standard pure-identity URIs of the 96-bit schemes.
 *                                                                        layer: protocol
 * Source: GS1 EPC Tag Data Standard; table 12.1/12.2 of the fact sheet. */
#ifndef PROTOCOL_EPC_H
#define PROTOCOL_EPC_H

#include <stddef.h>
#include <stdint.h>

#include "config/status.h"

#define EPC_URI_MAX 96

/* Pure-identity URI (urn:epc:id:sgtin:...), for SGTIN, SSCC, SGLN, GRAI, GIAI, GID 96.
 *   err  ST_NOT_FOUND header not known or not 96 bits; ST_FORMAT partition or digits illegal:
 *        in both cases uri = urn:epc:raw:<bits>.x<hex> */
enum status epc_uri(const uint8_t *epc, size_t n_bits, char uri[EPC_URI_MAX + 80]) must_check;

/* Tag URI (urn:epc:tag:sgtin-96:filter....), same errors. */
enum status epc_tag_uri(const uint8_t *epc, size_t n_bits, char uri[EPC_URI_MAX + 80]) must_check;

#endif
