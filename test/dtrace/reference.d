/* reference.d - what does the program declare that was made by dtrace -G? */
provider reference {
	probe fire(int, char *);
};
