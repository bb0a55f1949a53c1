"""What the operator may set. The only floor that reads the environment."""

from multiplayer.settings.model import DOTENV, BadSettings, Settings, default_data_dir, load_settings
from multiplayer.settings.telling import described, example, unknown_names

__all__ = [
    "DOTENV",
    "BadSettings",
    "Settings",
    "default_data_dir",
    "described",
    "example",
    "load_settings",
    "unknown_names",
]
