"""A page made with NiceGUI, as a process: `nicegui_application.py PORT NAME`. What it shows comes over Socket.IO."""

import sys

from nicegui import ui


@ui.page("/")
def page():
    presses = 0

    def press():
        nonlocal presses
        presses += 1
        shown.text = f"pressed {presses} times on {sys.argv[2]}"

    ui.button("Press", on_click=press).props("id=press")
    shown = ui.label("not pressed").props("id=shown")
    ui.input(on_change=lambda event: typed.set_text(f"typed {event.value}"))
    typed = ui.label().props("id=typed")


# Its start looks whether it is the main program by this name, too.
if __name__ in ("__main__", "__mp_main__"):
    ui.run(host="127.0.0.1", port=int(sys.argv[1]), reload=False, show=False, show_welcome_message=False)
