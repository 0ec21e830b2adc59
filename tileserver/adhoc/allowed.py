"""Which addresses clients may name.

An address is first resolved as every address here is: to a store, with the credential it is read
with, and a key in it, by the settings' one policy of hosts, folders and stores. What is compared
with the list is what came out, so that no spelling of an address (escapes, `..`, symbolic links,
upper case) leads elsewhere than to what was compared.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from renderers.errors import SourceError
from renderers.scene import ObjectRef
from renderers.stores import StoreRegistry
from tileserver.errors import InvalidParameterError, NotAuthorisedError
from tileserver.settings import SettingsError

#: Longest address that is looked at.
MAX_LENGTH = 2048

_REFUSED = "the server does not read from this address"


class AllowedAddresses:
    """Prefixes of addresses, by store and by whole segments of the path."""

    def __init__(
        self,
        prefixes: Sequence[str],
        stores: StoreRegistry,
        *,
        setting: str = "adhoc_urls",
        parameter: str = "url",
    ) -> None:
        """Resolve the prefixes.

        Args:
            prefixes: Of a setting.
            stores: Resolves addresses.
            setting: Its name, for what is said of a wrong one.
            parameter: The parameter in which clients name addresses.

        Raises:
            SettingsError: One lies outside of `file_roots`, `http_hosts` and `stores`, or is none.
        """
        self._stores = stores
        self._setting, self._parameter = setting, parameter
        self._prefixes = tuple(self._resolved(prefix) for prefix in prefixes)

    def __bool__(self) -> bool:
        """Tell whether any address is allowed."""
        return bool(self._prefixes)

    def resolve(self, url: str) -> ObjectRef:
        """Return the object that an address names.

        Raises:
            InvalidParameterError: It is no address that can be read.
            NotAuthorisedError: It is not on the list. Whether anything is there is not said.
        """
        if len(url) > MAX_LENGTH:
            raise InvalidParameterError("the address is too long", parameter=self._parameter)
        try:
            parts = urlsplit(url)
        except ValueError as error:
            raise InvalidParameterError(
                "the address cannot be read", parameter=self._parameter
            ) from error
        if parts.query or parts.fragment or url.endswith(("?", "#")):
            # A signature in an address is a credential, which does not belong into one.
            message = "addresses with a query or a fragment are not read"
            raise InvalidParameterError(message, parameter=self._parameter)
        try:
            ref = self._stores.resolve(url)
        except SourceError as error:
            raise NotAuthorisedError(_REFUSED, parameter=self._parameter) from error
        if not any(_below(ref, prefix) for prefix in self._prefixes):
            raise NotAuthorisedError(_REFUSED, parameter=self._parameter)
        return ref

    def _resolved(self, prefix: str) -> ObjectRef:
        try:
            ref = self._stores.resolve(prefix)
        except SourceError as error:
            where = "it must lie within file_roots, http_hosts or stores"
            message = f"{self._setting}: {prefix}: {error}; {where}"
            raise SettingsError(message) from error
        return ObjectRef(ref.store, ref.path.rstrip("/"))


def _below(ref: ObjectRef, prefix: ObjectRef) -> bool:
    """Tell whether an object is the prefix, or lies in it, in the same store and credential."""
    if ref.store != prefix.store:
        return False
    return not prefix.path or ref.path == prefix.path or ref.path.startswith(prefix.path + "/")
