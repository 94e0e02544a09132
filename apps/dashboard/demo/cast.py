"""Who the demo merchant's customers are, and how they use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apps.dashboard.demo.catalogue import BETA, CHAT, IMAGES, RESEARCH, STARTER, TEAM, TRANSCRIPTION

# How much of a day's requests falls into each of its 24 hours (UTC).
Rhythm = tuple[int, ...]
OFFICE: Final[Rhythm] = (1, 1, 0, 0, 0, 1, 3, 8, 14, 18, 19, 17, 12, 15, 19, 18, 15, 10, 6, 4, 3, 2, 2, 1)
EVENINGS: Final[Rhythm] = (6, 3, 1, 1, 0, 0, 1, 2, 3, 4, 4, 5, 6, 5, 5, 6, 7, 9, 12, 15, 17, 17, 14, 10)
MACHINE: Final[Rhythm] = (9, 9, 9, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 9, 9, 9, 9, 9, 9)

WRITER: Final = {CHAT: 92, RESEARCH: 5, IMAGES: 3}
ANALYST: Final = {CHAT: 70, RESEARCH: 30}
STUDIO: Final = {CHAT: 45, IMAGES: 55}
NEWSROOM: Final = {CHAT: 60, TRANSCRIPTION: 25, RESEARCH: 15}
CLINIC: Final = {CHAT: 25, TRANSCRIPTION: 75}
PIPELINE: Final = {CHAT: 100}


@dataclass(frozen=True, slots=True)
class Persona:
    """One customer: which plan, how much they use in a month (in dollars), on what, when, and since when."""

    name: str
    domain: str
    plan: str | None  # none: they stay on the Free plan, which nothing draws on
    monthly: float
    mix: dict[str, int]
    rhythm: Rhythm
    joined_day: int
    weekend: float = 0.25

    @property
    def email(self) -> str:
        return f"{self.name.split()[0].lower()}@{self.domain}.example"

    @property
    def reference_id(self) -> str:
        return f"user-{sum(self.name.encode()) % 9000 + 1000}-{self.domain[:3]}"


CAST: Final = (
    Persona("Ada Lovelace", "lovelace", TEAM, 31, ANALYST, OFFICE, 0),
    Persona("Grace Hopper", "hopper", TEAM, 38, PIPELINE, OFFICE, 0),
    Persona("Katherine Johnson", "trajectory", TEAM, 27, ANALYST, OFFICE, 1),
    Persona("Hedy Lamarr", "lamarr", STARTER, 4.1, STUDIO, EVENINGS, 1, 0.9),
    Persona("Alan Turing", "bletchley", TEAM, 68, PIPELINE, MACHINE, 2, 1),
    Persona("Margaret Hamilton", "apollo", TEAM, 36, PIPELINE, OFFICE, 2),
    Persona("Mary Shelley", "shelley", STARTER, 3.4, WRITER, EVENINGS, 3, 1.1),
    Persona("Rosalind Franklin", "franklin", TEAM, 22, ANALYST, OFFICE, 4),
    Persona("Nellie Bly", "newsline", TEAM, 58, NEWSROOM, OFFICE, 5, 0.5),
    Persona("Florence Nightingale", "wardround", TEAM, 33, CLINIC, OFFICE, 6, 0.6),
    Persona("Jorge Borges", "biblioteca", STARTER, 2.8, WRITER, EVENINGS, 8, 1),
    Persona("Sophie Germain", "germain", BETA, 24, ANALYST, OFFICE, 9),
    Persona("Emmy Noether", "noether", STARTER, 3.9, ANALYST, OFFICE, 10),
    Persona("Charles Babbage", "engine", STARTER, 9.5, PIPELINE, MACHINE, 11, 1),
    Persona("Frida Kahlo", "casaazul", BETA, 31, STUDIO, EVENINGS, 13, 1),
    Persona("Claude Shannon", "shannon", TEAM, 25, PIPELINE, OFFICE, 14),
    Persona("Mae Jemison", "endeavour", STARTER, 3.1, WRITER, OFFICE, 16),
    Persona("Octavia Butler", "parable", STARTER, 6.8, WRITER, EVENINGS, 18, 1),
    Persona("Tim Lin", "lingolab", BETA, 55, NEWSROOM, OFFICE, 19),
    Persona("Chien-Shiung Wu", "parity", STARTER, 2.2, ANALYST, OFFICE, 21),
    Persona("Barbara McClintock", "maize", TEAM, 18, ANALYST, OFFICE, 23),
    Persona("Ida Wells", "freespeech", TEAM, 29, NEWSROOM, OFFICE, 25, 0.5),
    Persona("Johannes Kepler", "harmonices", STARTER, 1.9, ANALYST, EVENINGS, 27, 0.8),
    Persona("Maryam Mirzakhani", "surfaces", STARTER, 3.3, ANALYST, OFFICE, 29),
    Persona("Dorothy Vaughan", "langley", BETA, 47, PIPELINE, OFFICE, 31),
    Persona("Agnes Martin", "lines", STARTER, 2.5, STUDIO, EVENINGS, 33, 1),
    Persona("Wangari Maathai", "greenbelt", TEAM, 16, WRITER, OFFICE, 36),
    Persona("Lise Meitner", "meitner", STARTER, 7.5, ANALYST, OFFICE, 38),
    Persona("James Baldwin", "notes", STARTER, 3.7, WRITER, EVENINGS, 41, 1),
    Persona("Elena Cornaro", "padova", None, 0, WRITER, OFFICE, 44),
    Persona("Radia Perlman", "spanningtree", TEAM, 66, PIPELINE, MACHINE, 46, 1),
    Persona("Hilma Klint", "temple", BETA, 27, STUDIO, EVENINGS, 50, 1),
    Persona("Vera Rubin", "rotation", STARTER, 2.9, ANALYST, EVENINGS, 53),
    Persona("Ursula Guin", "earthsea", STARTER, 10, WRITER, EVENINGS, 57, 1),
    Persona("Annie Easley", "centaur", TEAM, 21, PIPELINE, OFFICE, 60),
    Persona("Joan Clarke", "hut8", STARTER, 3.0, PIPELINE, OFFICE, 64),
    Persona("Toni Morrison", "beloved", STARTER, 4.0, WRITER, EVENINGS, 69, 1),
    Persona("Evelyn Boyd", "granville", None, 0, ANALYST, OFFICE, 74),
    Persona("Sister Corita", "printshop", BETA, 22, STUDIO, OFFICE, 79),
    Persona("Karen Jones", "synonym", None, 0, PIPELINE, OFFICE, 86),
)
