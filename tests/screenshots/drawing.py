"""What tmux says is on a screen, with its colours, as a picture."""
import pathlib
import re
import unicodedata

from PIL import Image, ImageDraw, ImageFont

FONTS = pathlib.Path('/usr/share/fonts/truetype/dejavu')
SIZE = 15
BASE = [(46, 52, 54), (204, 0, 0), (78, 154, 6), (196, 160, 0), (52, 101, 164), (117, 80, 123), (6, 152, 154),
        (211, 215, 207), (85, 87, 83), (239, 41, 41), (138, 226, 52), (252, 233, 79), (114, 159, 207), (173, 127, 168),
        (52, 226, 226), (238, 238, 236)]
DARK = ((215, 218, 224), (24, 26, 31))
LIGHT = ((32, 34, 40), (252, 252, 250))
BAR, BACK, GAP = SIZE + 11, (60, 90, 130), 6  # of several screens in one picture


def colour(number):
    """RGB of one of the 256 colours of terminals."""
    if number < 16:
        return BASE[number]
    if number >= 232:
        return (8 + 10 * (number - 232),) * 3
    number -= 16
    return tuple(0 if part == 0 else 55 + 40 * part for part in (number // 36, number // 6 % 6, number % 6))


class Style:
    """What SGR sequences have said so far."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.fg = self.bg = None
        self.bold = self.reverse = self.underline = False

    def take(self, numbers):
        """The numbers of one sequence."""
        numbers = list(numbers) or [0]
        while numbers:
            number = numbers.pop(0)
            if number == 0:
                self.reset()
            elif number in (1, 22):
                self.bold = number == 1
            elif number in (4, 24):
                self.underline = number == 4
            elif number in (7, 27):
                self.reverse = number == 7
            elif number in (38, 48):
                numbers.pop(0)
                self.put(number == 38, colour(numbers.pop(0)))
            elif number in (39, 49):
                self.put(number == 39, None)
            elif 30 <= number <= 37 or 40 <= number <= 47:
                self.put(number < 40, colour(number % 10))
            elif 90 <= number <= 97 or 100 <= number <= 107:
                self.put(number < 100, colour(8 + number % 10))

    def put(self, front, value):
        if front:
            self.fg = value
        else:
            self.bg = value

    def colours(self, ground):
        """Front and back."""
        fg, bg = self.fg or ground[0], self.bg or ground[1]
        return (bg, fg) if self.reverse else (fg, bg)


def wide(char):
    """Two cells?"""
    return unicodedata.east_asian_width(char) in 'WF'


def picture(pane, ground=DARK):
    """The screen of a pane, as an image."""
    fonts = {bold: ImageFont.truetype(str(FONTS / name), SIZE)
             for bold, name in ((False, 'DejaVuSansMono.ttf'), (True, 'DejaVuSansMono-Bold.ttf'))}
    cell, line = round(fonts[False].getlength('M')), SIZE + 5
    cols, rows = (int(n) for n in pane.ask('#{pane_width} #{pane_height}').split())
    cursor = tuple(int(n) for n in pane.ask('#{cursor_x} #{cursor_y}').split())
    image = Image.new('RGB', (cols * cell + 16, rows * line + 16), ground[1])
    pen = ImageDraw.Draw(image)
    style = Style()
    text = pane.mux.run('capture-pane', '-epNt', pane.name)
    for row, content in enumerate(text.split('\n')[:rows]):
        col = 0
        for part in re.split(r'(\x1b\[[0-9;]*m|\x1b\([0B]|[\x0e\x0f])', content):
            if part.startswith('\x1b['):
                style.take(int(n or 0) for n in part[2:-1].split(';'))
            if part[:1] in ('\x1b', '\x0e', '\x0f'):
                continue
            for char in part:
                fg, bg = style.colours(ground)
                if (col, row) == cursor:
                    fg, bg = bg, fg
                x, y, width = 8 + col * cell, 8 + row * line, cell * (2 if wide(char) else 1)
                pen.rectangle((x, y, x + width - 1, y + line - 1), fill=bg)
                if char == '\u2502':
                    pen.line((x + cell // 2, y, x + cell // 2, y + line - 1), fill=fg)
                elif char == '\u2500':
                    pen.line((x, y + line // 2, x + cell - 1, y + line // 2), fill=fg)
                else:
                    pen.text((x, y + 1), char, font=fonts[style.bold], fill=fg)
                if style.underline:
                    pen.line((x, y + line - 2, x + width - 1, y + line - 2), fill=fg)
                col += 2 if wide(char) else 1
        if cursor[1] == row and cursor[0] >= col:
            x, y = 8 + cursor[0] * cell, 8 + row * line
            pen.rectangle((x, y, x + cell - 1, y + line - 1), fill=ground[0])
    return image


def save(image, path):
    """Into a file; few colours are enough for a screen."""
    image.quantize(64).save(path, optimize=True)
    print(path)


def draw(pane, path, ground=DARK):
    """The screen of a pane as a file."""
    save(picture(pane, ground), path)


def titled(title, pane):
    """The screen of a pane under a bar that says whose it is."""
    screen = picture(pane)
    image = Image.new('RGB', (screen.width, screen.height + BAR), BACK)
    pen = ImageDraw.Draw(image)
    pen.text((8, 4), title, font=ImageFont.truetype(str(FONTS / 'DejaVuSansMono-Bold.ttf'), SIZE), fill=(255, 255, 255))
    image.paste(screen, (0, BAR))
    return image


def board(path, *rows):
    """Several screens in one picture, a list of (title, pane) for each row."""
    rows = [[titled(*one) for one in row] for row in rows]
    widths = [sum(one.width for one in row) + GAP * (len(row) - 1) for row in rows]
    heights = [max(one.height for one in row) for row in rows]
    image = Image.new('RGB', (max(widths), sum(heights) + GAP * (len(rows) - 1)), (255, 255, 255))
    y = 0
    for row, height in zip(rows, heights):
        x = 0
        for one in row:
            image.paste(one, (x, y))
            x += one.width + GAP
        y += height + GAP
    save(image, path)
