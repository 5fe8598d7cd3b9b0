/* main.c - the client program; all of it is in the library beside, so that tests can link it. */
#include "verbs.h"

int main(int argc, char *argv[])
{
    return face_main(argc, argv);
}
