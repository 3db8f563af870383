#!/usr/bin/python3
"""Writes catalogue.csv again: the same 540 goods each time. Items 1 to 9 are made by hand."""
import random

BY_HAND = [
    (1, "Enamel mug", "kitchen", 995, 40, ""),
    (2, "Tea towel", "kitchen", 450, 120, "3:1"),
    (3, "Bread knife", "kitchen", 2490, 25, "10%"),
    (4, "Paperback", "books", 1299, 60, ""),
    (5, "Globe", "living", 5900, 3, ""),
    (6, "Postcard", "paper", 120, 5000, "10:2"),
    (7, "Grand piano", "living", 1200000000, 4, ""),
    (8, "Sold out vase", "living", 3500, 0, ""),
    (9, "Ink pot", "paper", 335, 80, "15%"),
]
ADJECTIVES = ["Blue", "Red", "Green", "Small", "Large", "Oak", "Linen", "Copper", "Round", "Plain"]
NOUNS = {
    "kitchen": ["bowl", "plate", "pan", "spoon", "jug", "board"],
    "books": ["atlas", "novel", "cookbook", "dictionary"],
    "living": ["lamp", "cushion", "frame", "clock", "basket"],
    "paper": ["notebook", "envelope", "calendar"],
    "garden": ["pot", "spade", "watering can", "bench"],
    "tools": ["hammer", "saw", "rule", "plane"],
}
PROMOTIONS = [""] * 7 + ["5%", "10%", "25%", "3:1", "2:1", "5:1"]


def main():
    dice = random.Random(1)
    rows = list(BY_HAND)
    for item in range(10, 541):
        category = dice.choice(sorted(NOUNS))
        name = f"{dice.choice(ADJECTIVES)} {dice.choice(NOUNS[category])} {item}"
        rows.append((item, name, category, dice.randrange(99, 9999), dice.randrange(20, 400),
                     dice.choice(PROMOTIONS)))
    with open("catalogue.csv", "w", encoding="ascii") as out:
        out.write("itemId,name,category,price,stock,promotion\n")
        for row in rows:
            out.write(",".join(str(field) for field in row) + "\n")


main()
