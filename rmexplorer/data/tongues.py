"""Words for the parts of preference data in Chinese, French, German, Japanese, Russian and Spanish, as English ones."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# English: words of that meaning, without accents. A word that English has too with another meaning is left out.
_WORDS = {
    "prompt": "eingabeaufforderung aufforderung indicacion промпт 提示词 提示 プロンプト",
    "question": "frage fragen pregunta вопрос 问题 提问 質問",
    "instruction": "anweisung aufgabe instruccion consigne инструкция задание 指令 指示",
    "input": "eingabe entrada entree 输入 入力",
    "query": "anfrage consulta requete запрос 查询",
    "context": "kontext contexto contexte контекст 上下文 文脈",
    "conversation": "gesprach conversacion диалог 对话 会話",
    "system": "systeme система 系统 システム",
    "answer": "antwort respuesta reponse ответ 回答 回复 答案 答复 応答 返答 答え",
    "response": "响应 レスポンス",
    "output": "ausgabe salida sortie вывод 输出 出力",
    "summary": "zusammenfassung resumen 摘要 要約",
    "translation": "ubersetzung traduccion traduction перевод 译文 翻译 翻訳",
    "candidate": "kandidat candidato candidat кандидат 候选 候補",
    "better": "besser bessere besserer besseres mejor meilleur meilleure лучше лучший лучшая лучшее 更好 较好 更优 "
    "より良い 良い方",
    "worse": "schlechter schlechtere schlechteres peor pire хуже худший худшая худшее 更差 较差 より悪い 悪い方",
    "best": "beste bester bestes 最好 最佳 最良 ベスト",
    "good": "gut gute guter buena bueno bonne bon хороший 良い 好",
    "bad": "schlecht schlechte mala malo mauvaise mauvais плохой 悪い 差 坏",
    "preferred": "bevorzugt bevorzugte bevorzugter preferida preferido preferee prefere предпочтительный 首选 优选",
    "chosen": "gewahlt gewahlte ausgewahlt elegida elegido escogida escogido choisie choisi выбранный выбран выбрано 选中 被选中 "
    "被选 選ばれた 採用",
    "rejected": "abgelehnt abgelehnte verworfen rechazada rechazado rejetee rejete отклоненный отклонен 拒绝 被拒 被拒绝 却下 拒否 不採用",
    "winner": "gewinner sieger ganador ganadora gagnant gagnante vainqueur победитель 胜者 获胜者 赢家 优胜者 勝者 勝ち",
    "loser": "verlierer perdedor perdedora perdant perdante проигравший 败者 输家 敗者 負け",
    "choice": "wahl auswahl eleccion choix выбор 选择 選択",
    "preference": "praferenz preferencia предпочтение 偏好 選好 好み",
    "verdict": "urteil veredicto вердикт 判断 判定 どちらが良いか どちらが良い",
    "result": "ergebnis resultado resultat результат 结果 結果",
    "annotation": "标注 注釈",
    "label": "etiqueta метка 标签 ラベル",
    "rating": "bewertung calificacion оценка 评价 評価",
    "score": "punkte puntuacion puntaje балл 评分 分数 得分 スコア",
    "rank": "rang rango ранг 排名 順位",
    "tie": "unentschieden gleichstand empate egalite ничья 平局 平手 持平 差不多 引き分け",
    "equal": "gleich gleichwertig gleichgut igual iguales egal egales равны равно одинаково 相同 一样 同じ 同等",
    "both": "beide ambas ambos deux оба обе 都 両方",
    "neither": "keine keiner keines ninguna ninguno aucune aucun どちらでもない",
    "not": "nicht не 不 没",
    "first": "erste erster erstes primera primero premiere premier первый первая первое 第一个 第一 前者 最初",
    "second": "zweite zweiter zweites segunda segundo deuxieme seconde второй вторая второе 第二个 第二 后者 後者",
    "left": "links izquierda gauche левый слева 左边 左",
    "right": "rechts derecha droite правый справа 右边 右",
    "annotator": "bewerter gutachter anotador anotadora annotateur аннотатор разметчик 标注员 标注者 评审员 評価者 アノテーター",
    "much": "deutlich viel mucho beaucoup nettement намного гораздо 得多 明显 ずっと",
    "slightly": "etwas leicht ligeramente legerement немного чуть 略 稍 少し",
    "a": "а 甲",
    "b": "б 乙",
    "1": "一",
    "2": "二",
    "": "的 个 の",
}
_ENGLISH = {word: english for english, words in _WORDS.items() for word in words.split()}
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_LONGEST = max(len(word) for word in _ENGLISH if _UNSPACED.fullmatch(word))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")


def folded(text: str) -> str:
    """The text with full-width letters made plain and the accents of Latin letters left out."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).replace("ß", "ss").replace("ё", "е").replace("Ё", "Е")
    bases = (unicodedata.normalize("NFD", letter)[0] if not letter.isascii() else letter for letter in text)
    return "".join(base if base.isascii() else letter for base, letter in zip(bases, text, strict=True))


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """The words of a name or a value in small letters, `betterAnswer_2` as better, answer, 2; known foreign ones in
    English."""
    found: list[str] = []
    for word in _WORD.findall(folded(text)):
        small = word.lower()
        if word.isascii() or not _UNSPACED.search(word):
            found.append(_ENGLISH.get(small, small))
        else:
            found += _cut(small)
    return tuple(word for word in found if word)


def _cut(run: str) -> list[str]:
    """Words of a script without blanks, the longest known ones first; what lies between them stays as it is."""
    found: list[str] = []
    rest, place = "", 0
    while place < len(run):
        known = next((run[place : place + n] for n in range(_LONGEST, 0, -1) if run[place : place + n] in _ENGLISH), "")
        if not known:
            rest, place = rest + run[place], place + 1
            continue
        found += [rest, _ENGLISH[known]]
        rest, place = "", place + len(known)
    return [word for word in (*found, rest) if word]
