#!/bin/bash
# What changes between the two calls counts at the second.
. "$(dirname "$0")/../lab/lab.sh"
lab_begin
lab_ca one
lab_server one

lab_say "the device is retired between the calls"
lab_tpm one --ek L-2
lab_device x one L-2 ecc256 SN1
lab_exchange x one
lab_device x2 one L-2 ecc256 SN1
lab_step challenge x2 one
lab_activate x2
lab_ctl one device retire SN1
lab_refused device-retired certificate x2 one

lab_say "whoever does not have the ticket does not learn that it was retired, nor that another has the name, nor gets an earlier certificate"
lab_copy x2 thief
lab_flip "$LAB/thief/ticket"
lab_refused ticket-invalid certificate thief one
lab_copy x again
lab_flip "$LAB/again/ticket"
lab_refused ticket-invalid certificate again one

lab_say "another TPM claims the serial number between the calls"
lab_tpm two --ek L-2
lab_tpm three --ek L-2
lab_device a two L-2 ecc256 SN2
lab_device b three L-2 ecc256 SN2
lab_step challenge a one
lab_step challenge b one
lab_activate a
lab_activate b
lab_step certificate a one
lab_refused identity-taken certificate b one
lab_flip "$LAB/b/ticket"
lab_refused ticket-invalid certificate b one

lab_say "the vendor's anchors are removed between the calls"
lab_device c two L-2 ecc256 SN2
lab_step challenge c one
lab_activate c
lab_distrust one acme
lab_refused ekc-untrusted certificate c one

lab_say "and added again"
lab_trust one acme
lab_step certificate c one
