// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

interface IAsset {
    function transfer(address to, uint256 amount) external returns (bool);
    function transferFrom(address from, address to, uint256 amount) external returns (bool);
}

interface IPriceFeed {
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80);
}

/// Our own stand-in for a Compound v3 market, for local chains alone: the reads, writes and units of the
/// protocol, written from their description. Borrowers pay a fixed rate, lenders earn nothing, nobody is
/// liquidated. Prices have eight decimals, factors eighteen.
contract CometStandIn {
    error BadAsset();
    error BadPrice();
    error BorrowTooSmall();
    error NotCollateralized();
    error SupplyCapExceeded();
    error Paused();

    event Supply(address indexed from, address indexed dst, uint256 amount);
    event Withdraw(address indexed src, address indexed to, uint256 amount);
    event SupplyCollateral(address indexed from, address indexed dst, address indexed asset, uint256 amount);
    event WithdrawCollateral(address indexed src, address indexed to, address indexed asset, uint256 amount);

    struct AssetInfo {
        uint8 offset;
        address asset;
        address priceFeed;
        uint64 scale;
        uint64 borrowCollateralFactor;
        uint64 liquidateCollateralFactor;
        uint64 liquidationFactor;
        uint128 supplyCap;
    }

    struct UserCollateral {
        uint128 balance;
        uint128 _reserved;
    }

    uint256 private constant FACTOR = 1e18;
    uint256 private constant INDEX = 1e15;
    uint256 private constant YEAR = 365 days;

    address public immutable baseToken;
    address public immutable baseTokenPriceFeed;
    uint256 public immutable baseScale;
    uint256 public immutable baseBorrowMin;
    /// What a borrower pays in a year, of FACTOR.
    uint256 public immutable borrowRate;

    bool public isSupplyPaused;
    mapping(address => mapping(address => UserCollateral)) public userCollateral;
    AssetInfo[] private assets;
    /// What a user has lent (positive) or owes, the latter divided by the index.
    mapping(address => int256) private principal;
    uint256 private borrowIndex = INDEX;
    uint256 private accruedAt = block.timestamp;

    constructor(
        address baseToken_,
        address baseFeed_,
        uint256 baseScale_,
        uint256 borrowMin_,
        uint256 borrowRate_,
        AssetInfo[] memory assets_
    ) {
        baseToken = baseToken_;
        baseTokenPriceFeed = baseFeed_;
        baseScale = baseScale_;
        baseBorrowMin = borrowMin_;
        borrowRate = borrowRate_;
        for (uint256 i = 0; i < assets_.length; i++) assets.push(assets_[i]);
    }

    function numAssets() external view returns (uint8) {
        return uint8(assets.length);
    }

    function getAssetInfo(uint8 i) external view returns (AssetInfo memory) {
        if (i >= assets.length) revert BadAsset();
        return assets[i];
    }

    function getAssetInfoByAddress(address asset) external view returns (AssetInfo memory) {
        return assetOf(asset);
    }

    /// Anybody may: this is for tests.
    function setSupplyPaused(bool isPaused) external {
        isSupplyPaused = isPaused;
    }

    function getPrice(address feed) public view returns (uint256) {
        (, int256 answer,,,) = IPriceFeed(feed).latestRoundData();
        if (answer <= 0) revert BadPrice();
        return uint256(answer);
    }

    function balanceOf(address user) public view returns (uint256) {
        return principal[user] > 0 ? uint256(principal[user]) : 0;
    }

    function borrowBalanceOf(address user) public view returns (uint256) {
        return principal[user] < 0 ? uint256(-principal[user]) * currentIndex() / INDEX : 0;
    }

    function isBorrowCollateralized(address user) public view returns (bool) {
        return isCovered(user, false);
    }

    function isLiquidatable(address user) external view returns (bool) {
        return !isCovered(user, true);
    }

    function supply(address asset, uint256 amount) external {
        supplyTo(msg.sender, asset, amount);
    }

    /// With the greatest amount it pays the debt of `dst` exactly; any other amount above it is lent.
    function supplyTo(address dst, address asset, uint256 amount) public {
        if (isSupplyPaused) revert Paused();
        accrue();
        if (asset == baseToken) {
            if (amount == type(uint256).max) amount = borrowBalanceOf(dst);
            setBase(dst, baseOf(dst) + int256(amount));
            emit Supply(msg.sender, dst, amount);
        } else {
            AssetInfo memory info = assetOf(asset);
            uint256 balance = userCollateral[dst][asset].balance + amount;
            if (balance > info.supplyCap) revert SupplyCapExceeded();
            userCollateral[dst][asset].balance = uint128(balance);
            emit SupplyCollateral(msg.sender, dst, asset, amount);
        }
        require(IAsset(asset).transferFrom(msg.sender, address(this), amount));
    }

    /// More of the base token than was lent is borrowed; the greatest amount is all that was lent.
    function withdraw(address asset, uint256 amount) external {
        accrue();
        if (asset == baseToken) {
            if (amount == type(uint256).max) amount = balanceOf(msg.sender);
            int256 left = baseOf(msg.sender) - int256(amount);
            setBase(msg.sender, left);
            if (left < 0 && uint256(-left) < baseBorrowMin) revert BorrowTooSmall();
            emit Withdraw(msg.sender, msg.sender, amount);
        } else {
            assetOf(asset);
            userCollateral[msg.sender][asset].balance -= uint128(amount);
            emit WithdrawCollateral(msg.sender, msg.sender, asset, amount);
        }
        if (!isBorrowCollateralized(msg.sender)) revert NotCollateralized();
        require(IAsset(asset).transfer(msg.sender, amount));
    }

    function isCovered(address user, bool liquidating) private view returns (bool) {
        uint256 debt = borrowBalanceOf(user);
        if (debt == 0) return true;
        uint256 covered = 0;
        for (uint256 i = 0; i < assets.length; i++) {
            AssetInfo memory info = assets[i];
            uint256 balance = userCollateral[user][info.asset].balance;
            if (balance == 0) continue;
            uint256 factor = liquidating ? info.liquidateCollateralFactor : info.borrowCollateralFactor;
            covered += balance * getPrice(info.priceFeed) / info.scale * factor / FACTOR;
        }
        return covered >= debt * getPrice(baseTokenPriceFeed) / baseScale;
    }

    function assetOf(address asset) private view returns (AssetInfo memory) {
        for (uint256 i = 0; i < assets.length; i++) if (assets[i].asset == asset) return assets[i];
        revert BadAsset();
    }

    function baseOf(address user) private view returns (int256) {
        return principal[user] < 0 ? -int256(borrowBalanceOf(user)) : principal[user];
    }

    function setBase(address user, int256 balance) private {
        // What is owed is rounded up: nobody gets rid of a unit by rounding.
        principal[user] =
            balance < 0 ? -int256((uint256(-balance) * INDEX + borrowIndex - 1) / borrowIndex) : balance;
    }

    function currentIndex() private view returns (uint256) {
        return borrowIndex + borrowIndex * borrowRate * (block.timestamp - accruedAt) / (YEAR * FACTOR);
    }

    function accrue() private {
        borrowIndex = currentIndex();
        accruedAt = block.timestamp;
    }
}
