language-name = 한국어
site-name = 사랑방
site-motto = 손님을 맞고 이야기를 나누는 방입니다.
skip-to-content = 본문으로 건너뛰기
skip-to-composer = 입력창으로 건너뛰기
account = 계정

door-title = 로그인
sign-in = 로그인
sign-up = 가입하기
sign-out = 로그아웃
user-id = 아이디
user-id-hint = 글자, 숫자와 _ - . 만 써서 3~32자로 정해 주세요. 로그인할 때 씁니다.
password = 비밀번호
password-hint = 8자 이상 입력해 주세요.
nickname = 별명
nickname-hint = 다른 사람에게 보이는 이름입니다. 40자까지 쓸 수 있습니다.
this-is-you = 내 계정으로 가기
deleted-user = 탈퇴한 사용자

picture = 사진
picture-file = 내 사진
picture-hint = JPEG, PNG, GIF, WebP를 8MiB까지 올릴 수 있습니다. 가운데 부분만 보이며, 사진 말고는 아무것도 남기지 않습니다.
send-picture = 이 사진 쓰기
remove-picture = 사진 지우기
picture-sending = 보내는 중입니다…
picture-stored = 새 사진으로 바꾸었습니다.
picture-ticket = 화면을 연 지 오래되었습니다. 다시 시도해 주세요.
picture-form = 전송이 중간에 끊겼습니다. 다시 시도해 주세요.
picture-missing = 먼저 사진을 골라 주세요.
picture-too-large = 사진이 8MiB보다 큽니다.
picture-too-slow = 사진이 오는 데 너무 오래 걸렸습니다. 다시 시도하거나 더 작은 사진을 써 주세요.
picture-too-many = 사진을 너무 자주 올렸습니다. 1분 후에 다시 시도해 주세요.
picture-kind = JPEG, PNG, GIF, WebP가 아닙니다.
picture-pixels = 사진의 화소가 너무 많습니다. 한 변 10,000, 전체 4천만 화소까지 됩니다.
picture-broken = 사진이 손상되었거나 온전하지 않습니다.
picture-unavailable = 지금은 사진을 쓸 수 없습니다. 다른 기능은 그대로 쓸 수 있으니 잠시 후 다시 시도해 주세요.
done-picture = 사진을 지웠습니다.
profile = 프로필
save = 저장
language = 언어
language-of-browser = 브라우저 설정을 따름
old-password = 현재 비밀번호
new-password = 새 비밀번호
new-password-hint = 바꾸면 다른 기기에서는 모두 로그아웃됩니다.
change-password = 비밀번호 바꾸기
sessions = 로그인된 기기
this-session = 지금 이 기기
unknown-browser = 알 수 없는 브라우저
end-session = 로그아웃시키기
end-other-sessions = 다른 기기 모두 로그아웃시키기
delete-account = 탈퇴하기
delete-account-hint = 계정이 완전히 삭제되며 되돌릴 수 없습니다. 나눈 대화는 ‘탈퇴한 사용자’의 것으로 남습니다.
done-profile = 저장했습니다.
done-password = 비밀번호를 바꾸었습니다.
done-sessions = 로그아웃시켰습니다.

theme = 화면 색
theme-of-system = 기기 설정을 따름
theme-light = 밝게
theme-dark = 어둡게

own = 나
change = 고치기
editing = 대화를 고치고 있습니다.
cancel = 취소
characters-left = { $count }자 남음
characters-over = { $count }자 초과
new-count = 새 대화 { $count }개
announce-newer = 새 메시지 { $count }개.
announce-older = 지난 메시지 { $count }개를 불러왔습니다.
new-from-here = 여기부터 새 대화
help = 단축키와 알림
key-enter = 보내기 (터치 화면에서는 줄 바꾸기)
key-shift-enter = 줄 바꾸기
key-control-enter = 보내기 (터치 화면에서도)
key-up = 입력창이 비었을 때 내 마지막 대화 고치기
key-escape = 고치지 않고 그만두기
key-help = 이 목록 보기
notices = 이 화면을 보지 않을 때 새 대화가 오면 알림 띄우기
sound = 그때 소리도 내기
keys-on = ? 키로 이 목록 열기
close = 닫기

rooms = 방
no-rooms = 아직 방이 없습니다. 첫 방을 만들어 보세요.
new-room = 새 방
make-room = 방 만들기
room-name = 방 이름
room-topic = 무엇을 이야기하는 방인가요? (선택)
manage-room = 관리
change-room = 저장
delete-room = 이 방 삭제
# PARTICLE picks the form that fits behind a name: src/views/particle.rs.
delete-room-hint = ‘{"\u2068"}{ $room }{"\u2069"}’{ PARTICLE($room, "을") } 삭제하면 나눈 대화도 모두 사라지며 되돌릴 수 없습니다.
room-gone = 계시던 방이 삭제되었습니다.
back-to-rooms = 방 목록으로
pages = 쪽 이동
page-before = 이전
page-after = 다음

log = 대화
older-chats = 지난 대화 더 보기
latest-chats = 최근 대화로
show-in-room = 방에서 보기
nothing-said = 아직 아무 대화도 없습니다. 먼저 인사를 건네 보세요.
your-words = 할 말을 적어 주세요
send = 보내기
send-again = 다시 보내기
outbox = 보내기를 기다리는 대화
outbox-waiting = 보내는 중입니다…
outbox-retry = 다시 보내기
outbox-discard = 버리기
outbox-old = 쓴 지 30일이 넘은 메시지입니다. 지금 보낼까요?
outbox-refused = 보내지 못했습니다.
edited = 수정됨
edit-chat = 대화 고치기
save-chat = 저장
remove-chat = 이 대화 삭제
remove-chat-hint = 모든 사람에게서 완전히 삭제되며 되돌릴 수 없습니다.
chat-removed = 삭제된 대화입니다.
who-is-here = 방에 있는 사람
here-count = { $count ->
    [0] 아무도 없음
   *[other] { $count }명 있음
}
typing = 입력 중…
gone = 이 방은 삭제되었습니다. 아래 대화는 보내지 못했습니다.
reconnecting = 다시 연결하는 중입니다…
lost = 연결이 끊어진 것 같습니다.
stream-held-back = 새 메시지를 바로 받아 올 수 없습니다. 화면을 다시 불러오면 볼 수 있습니다.
load-again = 다시 불러오기
offline = 오프라인입니다. 다시 연결되면 새 대화가 보입니다.

languages = 언어
offline-title = 사이트에 연결할 수 없습니다
offline-hint = 인터넷 연결이 끊겼거나 사이트가 잠시 멈춘 것 같습니다. 나눈 대화는 그대로 남아 있으니 안심하세요.
try-again = 다시 시도하기
no-chat-yet = 아직 나눈 대화가 없습니다.

# 시각. { $hour }은 0~23, { $hour12 }는 1~12, { $weekday }는 월요일이 1입니다. 문구를 고르는 데는 이 셋과 { $half }, { $month }만
# 쓸 수 있습니다. { $clock }은 time-clock, { $date }는 time-day입니다.
time-clock = { $half ->
    [am] 오전
   *[pm] 오후
} { $hour12 }:{ $minute }
time-day = { $year }년 { $month }월 { $day }일 { $weekday ->
    [1] 월요일
    [2] 화요일
    [3] 수요일
    [4] 목요일
    [5] 금요일
    [6] 토요일
   *[7] 일요일
}
time-moment = { $year }년 { $month }월 { $day }일 { $clock }
time-full = { $date } { $clock } ({ $zone })
