/* demo.h - `kontor demo`: an invented association with people, offices, letters and one held message.
 *
 * Refuses a folder that is not empty. Sign-in names and passwords lie in DIR/demo-logins.txt (0600), which is
 * written last: without it the demonstration is not complete. --show prints them and the ports.
 * Not good for: anything real; password checks are made cheap and the key lies beside the data. */
#pragma once

int demo_main(int argc, char **argv);
