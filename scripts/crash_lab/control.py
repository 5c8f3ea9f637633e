"""What the harness and the processes of a life share: struct control of calls.c."""
import mmap
import os
import struct

POINTS, SLOTS = 4, 32768
WORDS = {"engine": 0, "runner": 4, "generation": 8, "space_is_out": 12, "power_in": 16,
         "power_is_off": 20, "keep_image": 24, "trace": 28}
TEXTS = {"root": (32, 128), "image": (160, 128), "trace_file": (288, 128), "boot": (416, 64)}
POINT, POINT_SIZE = 480, 264
SLOT = POINT + POINTS * POINT_SIZE
SIZE = SLOT + SLOTS * 16

ACTIONS = {"kill-engine": 1, "kill-runner": 2, "kill-both": 3, "no-space": 4, "no-space-once": 5,
           "io-error": 6, "torn-write": 7, "short-write": 8, "lost-sync": 9,
           "lying-sync": 10, "power": 11, "power-some": 11}


class Control:
    def __init__(self, path):
        self.path = path
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.ftruncate(file, SIZE)
        self.memory = mmap.mmap(file, SIZE)
        os.close(file)

    def clear(self):
        self.memory[:] = bytes(SIZE)

    def __getitem__(self, word):
        return struct.unpack_from("i", self.memory, WORDS[word])[0]

    def __setitem__(self, word, value):
        if word in TEXTS:
            place, size = TEXTS[word]
            self.memory[place:place + size] = value.encode().ljust(size, b"\0")
        else:
            struct.pack_into("i", self.memory, WORDS[word], value)

    def set_point(self, index, point, fault, parameter=0):
        struct.pack_into("64s184siiii", self.memory, POINT + index * POINT_SIZE,
                         point.who.encode(), point.name.encode(), point.number, ACTIONS[fault],
                         parameter, 0)

    def reached(self, index):
        """Whether the point was come to."""
        return struct.unpack_from("i", self.memory, POINT + index * POINT_SIZE + 260)[0] != 0
