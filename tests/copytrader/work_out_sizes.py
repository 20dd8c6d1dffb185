"""Works out tests/copytrader/sizing_cases.csv: `python tests/copytrader/work_out_sizes.py`.

A second opinion on the formulas of docs/reference/sizing.md, in fractions, that shares nothing with the product. The
first rows are worked out by hand, with their results typed in; they check this script.
"""

import csv
import io
import itertools
from fractions import Fraction
from pathlib import Path

TABLE = Path(__file__).with_name("sizing_cases.csv")
GIVEN = {
    "mode": "multiplier", "amount": "1", "stop_percent": "5", "below_minimum": "accumulate", "round_up_cap": "2",
    "volume": "1", "order_volume": "1", "price": "50000", "worth": "1", "user_equity": "", "master_equity": "",
    "available": "1000000", "master_balance": "", "fee_rate": "0.004", "slippage": "0.005", "order_min": "0.00005",
    "cost_min": "0.5", "lot_decimals": "8", "price_decimals": "1", "min_order": "", "max_order": "",
    "max_exposure": "", "exposure": "0", "carried": "0",
}  # fmt: skip
RESULT = ("order", "code")


def row(order=None, code=None, **told):
    """One case; *order* and *code* are given for those that were worked out by hand."""
    case = {**GIVEN, **{name: str(value) for name, value in told.items()}}
    worked = work_out(case)
    if order is not None:
        by_hand = {"order": str(order), "code": code or ""}
        assert worked == by_hand, f"{told}: by hand {by_hand}, by this script {worked}"
    return {**case, **worked}


def work_out(case):
    n = {name: Fraction(value) for name, value in case.items() if name not in ("mode", "below_minimum") and value}
    lot = Fraction(1, 10 ** int(case["lot_decimals"]))
    sizes = [formula(case["mode"], n, volume) for volume in (n["volume"], n["order_volume"])]
    if None in sizes:
        return ending(n, lot, Fraction(0), "unknown_figure")
    delta, code = fit(case["below_minimum"], n, lot, *sizes)
    return ending(n, lot, delta, code)


def formula(mode, n, volume):
    portion = volume / n["order_volume"]
    if mode == "multiplier":
        return n["amount"] * volume
    if mode == "fixed_base":
        return n["amount"] * portion
    if mode == "fixed_quote":
        return n["amount"] * portion / n["price"]
    if mode == "risk":
        if "user_equity" not in n:
            return None
        at_risk = n["user_equity"] * n["amount"] / 100
        loss_per_unit = n["price"] * n["worth"] * n["stop_percent"] / 100
        return at_risk / loss_per_unit * portion
    names = {"equity": ("user_equity", "master_equity"), "balance": ("available", "master_balance")}[mode]
    if any(n.get(name, 0) <= 0 for name in names):
        return None
    return n["amount"] * volume * n[names[0]] / n[names[1]]


def fit(below_minimum, n, lot, part, whole):
    unit = n["price"] * n["worth"]
    if "min_order" in n and whole * unit < n["min_order"]:
        return 0, "below_own_minimum"
    code, most = "", n.get("max_order")
    if most is not None and whole * unit > most:
        part, whole, code = part * most / unit / whole, most / unit, "max_order"
    least = smallest(n, lot)
    if whole < least and below_minimum != "accumulate":
        too_much = least - whole > n["round_up_cap"] * whole
        raised = part * least / whole
        over = raised > room(n, lot)[0] or (most is not None and least * unit > most)
        if below_minimum == "skip" or too_much or over:
            return 0, "below_minimum"
        return raised, "rounded_up"
    left, why = room(n, lot)
    if part > left:
        return (0 if n["carried"] + left < least else left), why
    due = (n["carried"] + part) // lot * lot
    if not code and (due < n["order_min"] or due * n["price"] < n["cost_min"] or not due):
        code = "carried"
    return part, code


def room(n, lot):
    caps = [(max(affordable(n, lot) - n["carried"], 0), "funds")]
    if "max_exposure" in n:
        caps.append((max(n["max_exposure"] - n["exposure"], 0) / (n["price"] * n["worth"]), "max_exposure"))
    return min(caps, key=lambda cap: cap[0])


def affordable(n, lot):
    tick = Fraction(1, 10 ** int(n["price_decimals"]))
    limit = n["price"] * (1 + n["slippage"]) // tick * tick
    return max(n["available"], 0) / (limit * (1 + n["fee_rate"])) // lot * lot


def smallest(n, lot):
    least = max(n["order_min"], n["cost_min"] / n["price"], lot)
    return -(-least // lot) * lot


def ending(n, lot, delta, code):
    volume = (n["carried"] + delta) // lot * lot
    volume = min(volume, affordable(n, lot))
    if "max_order" in n:
        volume = min(volume, n["max_order"] / (n["price"] * n["worth"]) // lot * lot)
    if not volume or volume < n["order_min"] or volume * n["price"] < n["cost_min"]:
        volume = Fraction(0)
    return {"order": in_digits(volume, int(n["lot_decimals"])), "code": code}


def in_digits(volume, decimals):
    whole, rest = divmod(volume * 10**decimals, 10**decimals)
    text = f"{int(whole)}.{int(rest):0{decimals}}" if decimals else str(int(whole))
    return text.rstrip("0").rstrip(".") if "." in text else text


def by_hand():
    # multiplier: the volume, so many times
    yield row(1)
    yield row("0.5", amount="0.5")
    yield row("0.3333", amount="0.3333")
    yield row(0, "carried", volume="0.00004", order_volume="0.00004")
    yield row("0.00007", volume="0.00004", order_volume="0.00004", carried="0.00003")
    yield row("0.33333333", amount="0.333333333333")
    # fixed_base: the amount, shared over the order
    yield row("0.2", mode="fixed_base", amount="0.2")
    yield row("0.05", mode="fixed_base", amount="0.2", volume="0.25")
    yield row("0.06666666", mode="fixed_base", amount="0.2", volume="1", order_volume="3")
    # fixed_quote: the amount at the price
    yield row("0.002", mode="fixed_quote", amount="100")
    yield row("0.0005", mode="fixed_quote", amount="100", volume="0.5", order_volume="2")
    yield row("0.00333333", mode="fixed_quote", amount="100", price="30000")
    # equity: 10,000 follow 250,000 with a twenty-fifth
    yield row("0.04", mode="equity", user_equity="10000", master_equity="250000")
    yield row("0.08", mode="equity", amount="2", user_equity="10000", master_equity="250000")
    yield row("0.33333333", mode="equity", user_equity="1", master_equity="3")
    yield row(0, "unknown_figure", mode="equity", user_equity="10000")
    yield row(0, "unknown_figure", mode="equity", user_equity="10000", master_equity="0")
    # balance
    yield row("0.1", mode="balance", available="10000", master_balance="100000")
    yield row("0.02", mode="balance", amount="0.2", available="10000", master_balance="100000")
    yield row(0, "unknown_figure", mode="balance", available="10000")
    # risk: 2 % of 10,000 is 200; a stop 5 % below 50,000 loses 2,500 a coin
    yield row("0.08", mode="risk", amount="2", user_equity="10000")
    yield row("0.04", mode="risk", amount="2", stop_percent="10", user_equity="10000")
    yield row("0.02", mode="risk", amount="2", user_equity="10000", volume="1", order_volume="4")
    yield row("0.1", mode="risk", amount="2", user_equity="10000", worth="0.8")
    yield row(0, "unknown_figure", mode="risk")
    # funds: the limit is 50,250, with 0.4 % fee 50,451 a coin
    yield row("0.1", "funds", available="5045.1")
    yield row("0.0999998", "funds", available="5045.09")
    yield row(0, "funds", available="2.5")
    yield row(0, "funds", available="0")
    yield row("0.05", "funds", available="2522.55", carried="0.02")
    # most and least of an order
    yield row("0.5", "max_order", max_order="25000")
    yield row("0.125", "max_order", max_order="25000", volume="0.25")
    yield row(0, "below_own_minimum", min_order="50001")
    yield row(0, "below_own_minimum", min_order="50000", worth="0.99")
    yield row(1, min_order="50000")
    # exposure
    yield row("0.2", "max_exposure", max_exposure="30000", exposure="20000")
    yield row(0, "max_exposure", max_exposure="30000", exposure="30000")
    # the exchange's minimum: 0.00005 coins, worth 2.50
    yield row(0, "below_minimum", below_minimum="skip", amount="0.00004")
    yield row("0.00005", "rounded_up", below_minimum="round_up", amount="0.00004")
    yield row("0.00005", "rounded_up", below_minimum="round_up", amount="0.00002", round_up_cap="1.5")
    yield row(0, "below_minimum", below_minimum="round_up", amount="0.00002", round_up_cap="1.4")
    yield row(0, "below_minimum", below_minimum="round_up", amount="0.00004", available="2")
    yield row(0, "below_minimum", below_minimum="round_up", amount="0.00004", max_order="2.4")
    # at 4,000 a coin the minimum is the value of 0.5: 0.000125 coins
    yield row("0.000125", "rounded_up", below_minimum="round_up", amount="0.0001", price="4000")
    yield row(0, "carried", amount="0.000124", price="4000")
    yield row("0.000125", amount="0.000125", price="4000")


def worked():
    sizings = [
        {"mode": "multiplier", "amount": "0.37"},
        {"mode": "fixed_base", "amount": "0.0123"},
        {"mode": "fixed_quote", "amount": "77.7"},
        {"mode": "equity", "amount": "1.5", "user_equity": "4321.09", "master_equity": "98765.43"},
        {"mode": "balance", "amount": "0.9", "master_balance": "31415.92"},
        {"mode": "risk", "amount": "1.25", "stop_percent": "7.5", "user_equity": "4321.09"},
    ]
    masters = [
        {"volume": "0.7", "order_volume": "0.7", "price": "61234.5"},
        {"volume": "0.1", "order_volume": "0.7", "price": "61234.5"},
        {"volume": "0.00012345", "order_volume": "0.00012345", "price": "61234.5"},
    ]
    worlds = [
        {"available": "1234.56"},
        {"available": "1000000", "below_minimum": "round_up", "lot_decimals": "5"},
        {"available": "1000000", "below_minimum": "skip", "max_order": "500", "worth": "0.92"},
        {"available": "1000000", "max_exposure": "800", "exposure": "650", "carried": "0.000012"},
    ]
    for told in itertools.product(sizings, masters, worlds):
        yield row(**{name: value for part in told for name, value in part.items()})
    small = {"volume": "0.0004", "order_volume": "0.001", "price": "1999.95", "order_min": "0.002", "cost_min": "0.5"}
    for sizing, below_minimum, cap in itertools.product(sizings, ("skip", "round_up", "accumulate"), ("2", "90")):
        yield row(**sizing, **small, below_minimum=below_minimum, round_up_cap=cap, min_order="0.05")
    for sizing, price, decimals in itertools.product(sizings, ("0.0712345", "2345.67"), ("8", "2", "0")):
        market = {"price": price, "price_decimals": str(len(price.split(".")[1])), "lot_decimals": decimals}
        for below_minimum in ("accumulate", "round_up"):
            demands = {"order_min": "5", "cost_min": "0.5", "volume": "123.4", "order_volume": "500"}
            yield row(**sizing, **market, **demands, below_minimum=below_minimum)


def table():
    """Return the file as text."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [*GIVEN, *RESULT], lineterminator="\n")
    writer.writeheader()
    writer.writerows([*by_hand(), *worked()])
    return out.getvalue()


if __name__ == "__main__":
    TABLE.write_text(table())
