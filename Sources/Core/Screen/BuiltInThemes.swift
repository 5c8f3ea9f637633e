// Our own schemes, compiled in so that the program needs no files; `themes/` holds the same texts.

extension Theme {
    /// Dark, light, and one for colour-blind eyes.
    package static let builtIn: [Theme] = texts.compactMap { try? Theme(yaml: $0.1, id: $0.0) }

    /// The names and texts of the files in `themes/`.
    package static let texts: [(String, String)] = [
        (
            "tocsin-dark",
            """
            # For dark rooms and long nights. The scheme format is base16: https://github.com/tinted-theming
            system: "base16"
            name: "Tocsin dark"
            author: "Tocsin"
            variant: "dark"
            palette:
              base00: "11151c" # ground
              base01: "1a202b" # header, keys, sheets
              base02: "2b3547" # what is selected
              base03: "4b576b" # lines
              base04: "8d99ab" # quiet text
              base05: "cbd3df" # text
              base06: "e4e9f1"
              base07: "ffffff"
              base08: "ff5f5f" # failed, level 1
              base09: "ff9f45" # level 2
              base0A: "f0cb5b" # degraded, level 3
              base0B: "76cf7c" # healthy
              base0C: "62c8c8" # curves
              base0D: "70b4ff" # keys, level 4
              base0E: "c59bff" # unknown
              base0F: "b98a63"
            """
        ),
        (
            "tocsin-light",
            """
            # For daylight. The scheme format is base16: https://github.com/tinted-theming
            system: "base16"
            name: "Tocsin light"
            author: "Tocsin"
            variant: "light"
            palette:
              base00: "fcfbf8" # ground
              base01: "efede6" # header, keys, sheets
              base02: "d9dfea" # what is selected
              base03: "a6adb9" # lines
              base04: "5a6373" # quiet text
              base05: "29303b" # text
              base06: "1a2029"
              base07: "05080c"
              base08: "c00d22" # failed, level 1
              base09: "b04a00" # level 2
              base0A: "836000" # degraded, level 3
              base0B: "1b7431" # healthy
              base0C: "0b6a70" # curves
              base0D: "0f55b3" # keys, level 4
              base0E: "7438a6" # unknown
              base0F: "7a5232"
            """
        ),
        (
            "tocsin-colourblind",
            """
            # Blue is well, orange is not: told apart by every kind of colour vision, and by brightness too.
            # The scheme format is base16: https://github.com/tinted-theming
            system: "base16"
            name: "Tocsin colour-blind"
            author: "Tocsin"
            variant: "dark"
            palette:
              base00: "101318" # ground
              base01: "191e26" # header, keys, sheets
              base02: "2c3544" # what is selected
              base03: "505b6c" # lines
              base04: "96a1b1" # quiet text
              base05: "d0d7e1" # text
              base06: "e8ecf2"
              base07: "ffffff"
              base08: "ff7a1f" # failed, level 1
              base09: "ffab4d" # level 2
              base0A: "ffe08a" # degraded, level 3
              base0B: "5aa9ff" # healthy
              base0C: "9cc9f5" # curves
              base0D: "b9d4f2" # keys, level 4
              base0E: "c8c8c8" # unknown
              base0F: "a58a6a"
            """
        ),
    ]
}
