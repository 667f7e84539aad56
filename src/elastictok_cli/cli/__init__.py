"""The command line: parse, call, render events. Nothing here touches a pixel or a token."""
