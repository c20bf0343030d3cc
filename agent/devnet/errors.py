"""What goes wrong on the local chain."""

from agent.domain.errors import ConfigError, Unavailable


class DevnetError(Unavailable):
    """The local chain could not be set up, started or driven."""

    code = "devnet"


class SetupError(DevnetError):
    """A program or an artifact the local chain needs could not be installed."""

    code = "devnet_setup"
    remedy = "read the message, then run the set-up again: python -m agent.devnet.setup"


class ContractsError(ConfigError, DevnetError):
    """A file of the `--contracts` folder cannot be used."""

    code = "devnet_contracts"
    remedy = 'name it <Contract>.json and give it "deployedBytecode" as 0x-hex or {"object": "0x..."}'


class ChainCallError(DevnetError):
    """The local node answered a request with an error."""

    code = "devnet_rpc"

    def __init__(self, method: str, message: str, data: str = "") -> None:
        super().__init__(f"{method}: {message}" + (f" ({data})" if data else ""))
        self.method = method
        self.data = data
