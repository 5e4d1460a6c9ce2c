"""A window to click in: left on the object, right off it, drag for a box."""

from __future__ import annotations

import tkinter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageTk

from streamer.errors import CommandError
from streamer.offline.refinement import Session, drawn

HINT = "left: on the object; right: off it; drag: box; n: new object; u: undo; Enter: next image; q: quit"
DRAG_PX = 6  # less is a click


def refine(name: str, image: NDArray[np.uint8], session: Session) -> bool:
    """Until Enter or the window's end; false where no further image is wanted."""
    window = Window(name, image, session)
    window.root.mainloop()
    return window.go_on


class Window:
    """Shows the masks so far, and turns clicks and keys into the session's steps."""

    def __init__(self, name: str, image: NDArray[np.uint8], session: Session) -> None:
        self.root = tkinter.Tk()
        self.root.title(name)
        self.go_on = False
        self._image, self._session = image, session
        self._scale = min(1.0, 0.85 * self.root.winfo_screenheight() / image.shape[0])
        self._from: tuple[int, int] = (0, 0)
        self._canvas = tkinter.Label(self.root)
        self._canvas.pack()
        self._status = tkinter.Label(self.root, text=HINT)
        self._status.pack()
        self._canvas.bind("<ButtonPress-1>", self._press)
        self._canvas.bind("<ButtonRelease-1>", self._release)
        self._canvas.bind("<ButtonPress-3>", lambda event: self._click(event, 0))
        for key, act in (("n", session.new), ("u", session.undo)):
            self.root.bind(key, lambda _event, act=act: self._then_show(act))  # type: ignore[misc]
        self.root.bind("<Return>", lambda _event: self._leave(go_on=True))
        self.root.bind("q", lambda _event: self._leave(go_on=False))
        self._show()

    def _press(self, event: Any) -> None:
        self._from = (event.x, event.y)

    def _release(self, event: Any) -> None:
        (x0, y0), (x1, y1) = self._from, (event.x, event.y)
        if max(abs(x1 - x0), abs(y1 - y0)) < DRAG_PX:
            self._click(event, 1)
            return
        corners = (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        x0, y0, x1, y1 = (value / self._scale for value in corners)
        self._then_show(lambda: self._session.box((x0, y0, x1, y1)))

    def _click(self, event: Any, label: int) -> None:
        self._then_show(lambda: self._session.click(event.x / self._scale, event.y / self._scale, label))

    def _then_show(self, act: Any) -> None:
        try:
            act()
        except CommandError as error:
            self._status.configure(text=str(error))
            return
        self._show()

    def _show(self) -> None:
        photo = Image.fromarray(drawn(self._image, self._session))
        size = (round(photo.width * self._scale), round(photo.height * self._scale))
        self._photo = ImageTk.PhotoImage(photo.resize(size))
        self._canvas.configure(image=self._photo)
        self._status.configure(text=f"object {self._session.now.current}  -  {HINT}")

    def _leave(self, *, go_on: bool) -> None:
        self.go_on = go_on
        self.root.destroy()
