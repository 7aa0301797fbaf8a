/* reference.d - what does the program declare that was made by dtrace -G? */
/* SPDX-License-Identifier: BSD-2-Clause */
provider reference {
	probe fire(int, char *);
};
