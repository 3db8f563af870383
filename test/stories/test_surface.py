"""The surface of the shop, word for word: every call of the README's table, and every refusal.

The first test uses curl exactly as a person would type it; the others a plain HTTP client.
"""
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest


def curl(*args):
    done = subprocess.run(["curl", "-sS", "-i", "--max-time", "15", *args], capture_output=True,
                          text=True, check=True)
    head, _, body = done.stdout.partition("\n\n") if "\r\n" not in done.stdout else \
        done.stdout.partition("\r\n\r\n")
    return int(head.split()[1]), body


def test_what_a_person_types_first_answers_as_the_readme_says(shop):
    door, stock = f"127.0.0.1:{shop.door}", f"127.0.0.1:{shop.stock_port}"
    assert curl(f"{stock}/stock/1") == (200, '{"available":40,"price":995}')
    assert curl(f"{door}/cart", "-d", '{"itemId":1,"quantity":2}') == (
        200, '{"success":true,"cartItems":[{"itemId":1,"quantity":2,"price":995}]}')
    status, body = curl(f"{door}/cart")
    assert status == 200
    assert body.startswith('{"success":true,"items":[{"itemId":1,"quantity":2,"price":995}],'
                           '"totalPrice":1990')
    assert json.loads(body) == {"success": True, "totalPrice": 1990, "promotions": [],
                                "items": [{"itemId": 1, "quantity": 2, "price": 995}]}
    assert curl("-X", "DELETE", f"{door}/cart/1") == (200, '{"success":true,"cartItems":[]}')
    status, body = curl("-X", "POST", f"{door}/cart", "-H", "content-type: application/json",
                        "-d", '{"itemId":1,"quantity":1,"userId":"typed"}')
    assert status == 200
    status, body = curl("-X", "POST", f"{door}/orders?userId=typed")
    order = json.loads(body)
    assert (status, order["totalPrice"], order["userId"]) == (200, 995, "typed")
    assert curl(f"{stock}/stock/1") == (200, '{"available":39,"price":995}')
    assert curl(f"{door}/orders/{order['id']}") == (200, body)


def test_the_user_is_in_the_body_or_the_query_or_the_header_or_guest(shop):
    def items(**more):
        return shop.http("GET", "/cart", **more).json["items"]

    shop.http("POST", "/cart", {"itemId": 10, "quantity": 1, "userId": "in-body"})
    shop.http("POST", "/cart?userId=in-query", {"itemId": 11, "quantity": 1})
    shop.http("POST", "/cart", {"itemId": 12, "quantity": 1}, x_user_id="in-header")
    shop.http("POST", "/cart", {"itemId": 13, "quantity": 1})
    assert [i["itemId"] for i in items(x_user_id="in-body")] == [10]
    assert [i["itemId"] for i in shop.http("GET", "/cart?userId=in-query").json["items"]] == [11]
    assert [i["itemId"] for i in items(x_user_id="in-header")] == [12]
    assert [i["itemId"] for i in items(x_user_id="guest")] == [13]
    assert [i["itemId"] for i in items()] == [13]
    # The query wins over the header.
    assert [i["itemId"] for i in shop.http("GET", "/cart?userId=in-query",
                                           x_user_id="in-header").json["items"]] == [11]


def test_body_and_query_name_the_user_wherever_one_is_taken_and_both_beat_the_header(shop):
    def cart(user):
        return [i["itemId"] for i in shop.http("GET", "/cart", x_user_id=user).json["items"]]

    # POST /cart and POST /orders take a body: it beats the header, and so does the query.
    header = {"x_user_id": "w-header"}
    shop.http("POST", "/cart", {"itemId": 10, "quantity": 1, "userId": "w-body"}, **header)
    shop.http("POST", "/cart?userId=w-query", {"itemId": 11, "quantity": 1}, **header)
    assert (cart("w-body"), cart("w-query"), cart("w-header")) == ([10], [11], [])
    for order in (shop.http("POST", "/orders", {"userId": "w-body"}, **header),
                  shop.http("POST", "/orders?userId=w-query", **header)):
        assert order.status == 200, order
    assert (cart("w-body"), cart("w-query")) == ([], [])
    # DELETE /cart takes a query only.
    shop.http("POST", "/cart", {"itemId": 10, "quantity": 1, "userId": "w-query"})
    assert shop.http("DELETE", "/cart/10?userId=w-query", **header).status == 200
    assert cart("w-query") == []
    # Stock and payment too; a body where none is taken is told where its fields belong.
    took = shop.stock("POST", "/stock?itemId=10&quantity=1&userId=w-stock", **header)
    assert took.status == 200, took
    assert shop.stock("DELETE", "/stock/10", **header).status == 404
    assert shop.stock("DELETE", "/stock/10?userId=w-stock", **header).status == 200
    paid = shop.payment("POST", "/payment?userId=w-payer&amount=5", idempotency_key="w", **header)
    assert paid.json["userId"] == "w-payer"
    problem(shop.stock("POST", "/stock", body={"itemId": 10, "quantity": 1}), 400,
            "send itemId, quantity and userId in the query")
    problem(shop.payment("POST", "/payment", body={"amount": 1}), 400, "in the query")
    problem(shop.stock("DELETE", "/stock/10", body={"userId": "w"}), 400, "itemId is in the path")
    assert shop.http("GET", "/cart", {}).status == 200


def test_an_error_names_what_the_client_wrote(shop):
    refused = shop.http("POST", "/cart", {"itemId": 1, "quantity": "two"}).json["errors"][0]
    assert (refused["field"], refused["line"]) == ("quantity", 1)
    refused = shop.http("POST", "/cart", {"itemId": 1, "quantitty": 2}).json["errors"][0]
    assert refused["field"] == "quantitty" and 'did you mean "quantity"' in refused["detail"]
    assert (refused["line"], refused["column"]) == (1, 15)
    refused = shop.http("POST", "/cart?quantitty=1", {"itemId": 1, "quantity": 2}).json["errors"][0]
    assert refused["field"] == "quantitty"


def test_the_total_is_price_times_quantity_less_the_promotions_listed(shop):
    for item, quantity in ((2, 7), (3, 1), (1, 2)):
        assert shop.http("POST", "/cart", {"itemId": item, "quantity": quantity},
                         x_user_id="deals").status == 200
    assert shop.http("GET", "/cart", x_user_id="deals").json == {
        "success": True,
        "items": [{"itemId": 2, "quantity": 7, "price": 450},
                  {"itemId": 3, "quantity": 1, "price": 2490},
                  {"itemId": 1, "quantity": 2, "price": 995}],
        "totalPrice": 7 * 450 - 2 * 450 + 2490 - 249 + 2 * 995,
        "promotions": [{"itemId": 2, "name": "3 for 2", "discount": 900},
                       {"itemId": 3, "name": "10% off", "discount": 249}]}


def test_adding_checks_stock_and_reserves_nothing(shop):
    assert shop.http("POST", "/cart", {"itemId": 20, "quantity": 3}, x_user_id="a").status == 200
    before = shop.stock("GET", "/stock/20").json["available"]
    shop.http("POST", "/cart", {"itemId": 20, "quantity": 3}, x_user_id="b")
    assert shop.stock("GET", "/stock/20").json["available"] == before
    # What is in the cart already counts.
    refused = shop.http("POST", "/cart", {"itemId": 20, "quantity": before - 2}, x_user_id="a")
    assert refused.status == 409
    assert shop.http("GET", "/cart", x_user_id="a").json["items"][0]["quantity"] == 3


def test_a_checkout_takes_from_stock_charges_and_empties_the_cart(shop):
    before = shop.stock("GET", "/stock/21").json
    shop.http("POST", "/cart", {"itemId": 21, "quantity": 2}, x_user_id="buyer")
    cart = shop.http("GET", "/cart", x_user_id="buyer").json
    placed = shop.http("POST", "/orders", x_user_id="buyer")
    assert placed.status == 200
    order = placed.json
    assert order["success"] is True and order["paymentId"] and order["createdAt"].endswith("Z")
    assert (order["items"], order["totalPrice"]) == (cart["items"], cart["totalPrice"])
    assert shop.http("GET", "/cart", x_user_id="buyer").json == {
        "success": True, "items": [], "totalPrice": 0, "promotions": []}
    assert shop.stock("GET", "/stock/21").json["available"] == before["available"] - 2
    assert shop.http("GET", f"/orders/{order['id']}").json == order


def test_an_order_with_a_key_is_placed_once_however_often_it_is_sent(shop):
    shop.http("POST", "/cart", {"itemId": 22, "quantity": 1}, x_user_id="twice")
    before = shop.stock("GET", "/stock/22").json["available"]
    answers = [shop.http("POST", "/orders", x_user_id="twice", idempotency_key="k1")
               for _ in range(3)]
    assert {a.status for a in answers} == {200}
    assert len({a.json["id"] for a in answers}) == 1
    assert shop.stock("GET", "/stock/22").json["available"] == before - 1


def test_without_a_key_the_trace_of_the_request_stands_in(shop):
    shop.http("POST", "/cart", {"itemId": 26, "quantity": 1}, x_user_id="traced")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    first = shop.http("POST", "/orders", x_user_id="traced", traceparent=trace)
    again = shop.http("POST", "/orders", x_user_id="traced", traceparent=trace)
    assert (first.status, again.json) == (200, first.json)
    assert shop.http("POST", "/orders", x_user_id="traced").status == 400  # the cart is empty


def test_an_addition_with_a_key_adds_once_and_without_one_each_time(shop):
    for _ in range(3):
        shop.http("POST", "/cart", {"itemId": 23, "quantity": 1}, x_user_id="k", idempotency_key="a")
    assert shop.http("GET", "/cart", x_user_id="k").json["items"][0]["quantity"] == 1
    for _ in range(2):
        shop.http("POST", "/cart", {"itemId": 23, "quantity": 1}, x_user_id="k")
    assert shop.http("GET", "/cart", x_user_id="k").json["items"][0]["quantity"] == 3


def test_stock_is_taken_and_one_reservation_put_back(shop):
    before = shop.stock("GET", "/stock/24").json["available"]
    took = shop.stock("POST", "/stock?itemId=24&quantity=3")
    assert (took.status, took.json["success"], took.json["available"]) == (200, True, before - 3)
    assert shop.stock("POST", "/stock?itemId=24&quantity=2").json["available"] == before - 5
    back = shop.stock("DELETE", "/stock/24")
    assert (back.status, back.json["quantity"], back.json["available"]) == (200, 2, before - 3)
    assert shop.stock("DELETE", "/stock/24").json["available"] == before
    assert shop.stock("DELETE", "/stock/24").status == 404


def test_a_payment_is_charged_once_per_key(shop):
    first = shop.payment("POST", "/payment?userId=ann&amount=995", idempotency_key="p1")
    assert first.status == 200 and first.json["amount"] == 995
    assert shop.payment("POST", "/payment?userId=ann&amount=995",
                        idempotency_key="p1").json == first.json
    other = shop.payment("POST", "/payment?userId=ann&amount=995", idempotency_key="p2")
    assert other.json["paymentId"] != first.json["paymentId"]
    assert shop.payment("POST", "/payment?userId=ann&amount=996",
                        idempotency_key="p1").status == 409
    bobs = shop.payment("POST", "/payment?userId=bob&amount=7", idempotency_key="p1")
    assert bobs.status == 200 and bobs.json["paymentId"] != first.json["paymentId"]


def test_keys_of_stock_belong_to_their_user_and_to_what_they_took(shop):
    def take(user, key, quantity):
        return shop.stock("POST", f"/stock?itemId=25&quantity={quantity}", x_user_id=user,
                          idempotency_key=key)

    before = shop.stock("GET", "/stock/25").json["available"]
    assert [take("a", "b:c", 1).json["available"] for _ in range(2)] == [before - 1] * 2
    assert take("a:b", "c", 1).json["available"] == before - 2
    assert take("a", "b:c", 2).status == 409
    assert shop.stock("GET", "/stock/25").json["available"] == before - 2


def test_the_catalogue_comes_in_pages(shop):
    seen, token = [], ""
    for _ in range(100):
        page = shop.http("GET", f"/products?pageSize=100&pageToken={token}").json
        seen += [p["itemId"] for p in page["products"]]
        token = page["nextPageToken"]
        if not token:
            break
    assert len(seen) >= 500 and seen == sorted(set(seen)) and page["totalSize"] == len(seen)
    assert len(shop.http("GET", "/products").json["products"]) == 20
    assert len(shop.http("GET", "/products?pageSize=5").json["products"]) == 5
    found = shop.http("GET", "/products?query=mug").json
    assert found["products"][0]["itemId"] == 1
    assert shop.http("GET", "/products/2").json["promotion"]["name"] == "3 for 2"
    mug = shop.http("GET", "/products/1").json
    assert (mug["name"], mug["price"]) == ("Enamel mug", 995)


REFUSALS = [
    ("POST", "/cart", {"itemId": 1, "quantity": 0}, 400, "quantity"),
    ("POST", "/cart", {"itemId": 1, "quantity": -1}, 400, "quantity"),
    ("POST", "/cart", {"itemId": 1}, 400, "quantity"),
    ("POST", "/cart", {"quantity": 1}, 400, "itemId"),
    ("POST", "/cart", {"itemId": 1, "quantity": "two"}, 400, "quantity"),
    ("POST", "/cart", {"itemId": 1, "quantity": 1.5}, 400, "quantity"),
    ("POST", "/cart", {"itemId": 1, "quantity": 2147483648}, 400, "quantity"),
    ("POST", "/cart", {"itemId": 999999, "quantity": 1}, 404, "999999"),
    ("POST", "/cart", {"itemId": 8, "quantity": 1}, 409, "stock has 0 of item 8"),
    ("POST", "/cart", {"itemId": 5, "quantity": 4}, 409, "stock has 3 of item 5"),
    ("POST", "/cart", {"itemId": 7, "quantity": 2}, 400, "2147483647"),
    ("POST", "/cart", {"itemId": 1, "quantity": 1, "userId": "x" * 65}, 400, "userId"),
    ("DELETE", "/cart/999999", None, 404, "999999"),
    ("DELETE", "/cart/one", None, 400, "item"),
    ("GET", "/products/999999", None, 404, "999999"),
    ("GET", "/products?pageSize=-1", None, 400, "pageSize"),
    ("GET", "/products?pageToken=nonsense", None, 400, "pageToken"),
    ("GET", "/orders/none", None, 404, "none"),
    ("POST", "/orders?userId=has-nothing", None, 400, "cart is empty"),
    ("GET", "/nowhere", None, 404, ""),
]


def problem(answer, status, says):
    assert answer.status == status, answer
    assert answer.headers["content-type"].startswith("application/problem+json"), answer
    assert answer.json["status"] == status
    assert says in answer.json["detail"], answer
    return True


@pytest.mark.parametrize("method,path,body,status,says", REFUSALS)
def test_a_refusal_has_its_status_and_says_why(shop, method, path, body, status, says):
    assert problem(shop.http(method, path, body, x_user_id="refused"), status, says)


def test_stock_and_payment_refuse_with_their_reason(shop):
    problem(shop.stock("GET", "/stock/999999"), 404, "999999")
    problem(shop.stock("POST", "/stock?itemId=8&quantity=1"), 409, "stock has 0 of item 8")
    problem(shop.stock("POST", "/stock?itemId=1&quantity=0"), 400, "quantity")
    problem(shop.stock("POST", "/stock?quantity=1"), 400, "itemId")
    problem(shop.stock("POST", "/stock?itemId=x&quantity=1"), 400, "itemId")
    problem(shop.payment("POST", "/payment?userId=ann&amount=1"), 400, "Idempotency-Key")
    problem(shop.payment("POST", "/payment?userId=ann&amount=0", idempotency_key="z"), 400, "amount")
    problem(shop.payment("POST", "/payment?userId=declined&amount=5", idempotency_key="z"), 400,
            "bank refuses")
    problem(shop.payment("POST", "/payment?userId=bank-down&amount=5", idempotency_key="y"), 503,
            "nothing was charged")


def test_a_refused_payment_undoes_the_checkout(shop):
    before = shop.stock("GET", "/stock/25").json["available"]
    shop.http("POST", "/cart", {"itemId": 25, "quantity": 2}, x_user_id="declined-1")
    problem(shop.http("POST", "/orders", x_user_id="declined-1"), 400, "bank refuses")
    assert shop.stock("GET", "/stock/25").json["available"] == before
    assert shop.http("GET", "/cart", x_user_id="declined-1").json["items"][0]["quantity"] == 2
    shop.http("POST", "/cart", {"itemId": 25, "quantity": 2}, x_user_id="bank-down-1")
    problem(shop.http("POST", "/orders", x_user_id="bank-down-1"), 503, "bank")
    assert shop.stock("GET", "/stock/25").json["available"] == before


def test_stock_that_went_meanwhile_refuses_the_order(shop):
    shop.http("POST", "/cart", {"itemId": 5, "quantity": 2}, x_user_id="late")
    assert shop.stock("POST", "/stock?itemId=5&quantity=2", x_user_id="fast").status == 200
    problem(shop.http("POST", "/orders", x_user_id="late"), 409, "stock has 1 of item 5")
    shop.stock("DELETE", "/stock/5", x_user_id="fast")
    assert shop.http("POST", "/orders", x_user_id="late").status == 200


def at_once(count, what):
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(what, range(count)))


def test_many_checkouts_of_one_cart_at_once_give_one_order(shop):
    added = at_once(12, lambda _: shop.http("POST", "/cart", {"itemId": 27, "quantity": 1},
                                            x_user_id="hasty").status)
    assert added == [200] * 12
    before = shop.stock("GET", "/stock/27").json["available"]
    assert shop.http("GET", "/cart", x_user_id="hasty").json["items"][0]["quantity"] == 12
    answers = at_once(12, lambda _: shop.http("POST", "/orders", x_user_id="hasty"))
    assert [a.status for a in answers].count(200) == 1, answers
    assert {a.status for a in answers} <= {200, 400, 409}
    assert shop.stock("GET", "/stock/27").json["available"] == before - 12


def test_the_last_three_are_sold_to_three_of_ten_who_want_them(shop):
    available = shop.stock("GET", "/stock/28").json["available"]
    shop.stock("POST", f"/stock?itemId=28&quantity={available - 3}", x_user_id="hoarder")
    for n in range(10):
        assert shop.http("POST", "/cart", {"itemId": 28, "quantity": 1},
                         x_user_id=f"last-{n}").status == 200
    answers = at_once(10, lambda n: shop.http("POST", "/orders", x_user_id=f"last-{n}"))
    assert sorted(a.status for a in answers) == [200] * 3 + [409] * 7, answers
    assert shop.stock("GET", "/stock/28").json["available"] == 0


def test_methods_for_services_are_closed_to_visitors(shop):
    for service, method, body in (("stock.v1.StockService", "Release", {"reservationId": "x"}),
                                  ("stock.v1.StockService", "Reserve", {"reservationId": "x"})):
        problem(shop.stock("POST", f"/shop.{service}/{method}", body=body), 403, "visitors")
    problem(shop.payment("POST", "/shop.payment.v1.PaymentService/Refund",
                         body={"idempotencyKey": "p1"}), 403, "visitors")


def test_a_listener_serves_its_services_and_no_others(shop):
    assert shop.http("GET", "/stock/1").status == 404
    assert shop.stock("GET", "/products/1").status == 404
    assert shop.payment("GET", "/cart").status == 404
