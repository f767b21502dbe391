"""Which account a name on the command line means: `kraken:savings`, or `kraken` if that is the only one there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from bot.domain.ids import AccountKey
from bot.runtime.heartbeat_file import running_daemon
from bot.runtime.trading_environment import configured
from bot.settings.load import VENUES, ConfigError, Settings
from bot.store.database import StoreError
from bot.store.reader import Books


def books_of(settings: Settings) -> Books:
    """All databases of the installation."""
    url = settings.operation.database_url
    return Books(settings.operation.data_dir, url.get_secret_value() if url is not None else None, VENUES)


def meant(word: AccountKey | None, settings: Settings, books: Books) -> AccountKey | None:
    """The account that a name means, None for all; raises `ConfigError` if there are several, or none of that name.

    An account that is only in a database counts, too: its name must not suddenly mean another account.
    """
    if word is None:
        return None
    try:
        return word.among(_known(settings, books))
    except ValueError as error:
        raise ConfigError([str(error)]) from None


def _known(settings: Settings, books: Books) -> Iterator[AccountKey]:
    yield from running_daemon(settings.operation.data_dir) or ()
    with suppress(ConfigError):
        yield from configured(settings)
    for file in settings.operation.data_dir.glob("*.db"):  # of a damaged one, only the name is known
        with suppress(ValueError):
            yield AccountKey.of_stem(file.stem)
    with suppress(StoreError):
        yield from (seen.account.key for seen in books.accounts(every=True))
