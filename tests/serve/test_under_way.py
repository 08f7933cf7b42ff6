import asyncio

import pytest

from tftrain.serve.under_way import UnderWay


def test_all_are_counted_and_let_go():
    under_way = UnderWay()
    with under_way, under_way:
        assert under_way.count == 2
    assert under_way.count == 0


def test_who_fails_is_let_go():
    under_way = UnderWay()
    with pytest.raises(ValueError, match="failed"), under_way:
        raise ValueError("failed")
    assert under_way.count == 0


def test_the_end_waits_for_all_also_for_those_who_come_meanwhile():
    async def order():
        under_way, done = UnderWay(), []

        async def work(name, steps):
            with under_way:
                for _ in range(steps):
                    await asyncio.sleep(0)
                if name == "first":
                    later = asyncio.ensure_future(work("later", 5))
                    await asyncio.sleep(0)  # it is inside before this one leaves
                done.append(name)
            if name == "first":
                await later

        task = asyncio.ensure_future(work("first", 2))
        await asyncio.sleep(0)
        await under_way.ended()
        done.append("end")
        await task
        return done

    assert asyncio.run(asyncio.wait_for(order(), 10)) == ["first", "later", "end"]


def test_there_is_no_wait_for_nobody():
    asyncio.run(asyncio.wait_for(UnderWay().ended(), 10))


def test_it_can_be_waited_for_again():
    async def twice():
        under_way = UnderWay()
        for _ in range(2):
            with under_way:
                waiting = asyncio.ensure_future(under_way.ended())
                await asyncio.sleep(0)
                assert not waiting.done()
            await waiting

    asyncio.run(asyncio.wait_for(twice(), 10))
