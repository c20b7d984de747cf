/* A link as a QR code on a terminal. */
#ifndef CLI_QR_H
#define CLI_QR_H

/* Two modules a character, by half blocks. Prints nothing when the text is too long. */
void qr_print(const char *text);

#endif
